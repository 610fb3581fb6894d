#include "data/lmdb_reader.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "engine/error.h"

namespace olmp {
namespace {

constexpr std::uint32_t kMagic = 0xBEEFC0DE;
constexpr std::uint32_t kVersion = 1;
constexpr std::uint64_t kNoPage = std::numeric_limits<std::uint64_t>::max();

// MDB_page: pgno (8), pad (2), flags (2), then lower and upper (2 each) or, on overflow pages, pages (4).
constexpr std::size_t kPageHeader = 16;
constexpr std::uint16_t kBranch = 0x01, kLeaf = 0x02, kOverflow = 0x04, kMeta = 0x08;
// MDB_node: lo, hi, flags, ksize (2 each), key, data.
constexpr std::size_t kNodeHeader = 8;
constexpr std::uint16_t kBigData = 0x01, kSubData = 0x02, kDuplicates = 0x04;
// MDB_db's flags that change how a tree is stored: MDB_DUPSORT, MDB_DUPFIXED, MDB_INTEGERDUP, MDB_REVERSEDUP.
constexpr std::uint16_t kUnsupportedFlags = 0x04 | 0x10 | 0x20 | 0x40;
// CURSOR_STACK of mdb.c.
constexpr std::uint32_t kMaxDepth = 32;

template <typename T>
T load(std::string_view bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

std::string data_file(const std::string& folder) {
  const auto path = utf8_path(folder);
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    throw Error("missing-file", "the LMDB folder does not exist", folder);
  }
  const auto file = path / "data.mdb";
  if (!std::filesystem::exists(file, error)) {
    throw Error("not-an-lmdb", "the folder holds no data.mdb, so it is not an LMDB", folder);
  }
  return file.u8string();
}

}  // namespace

struct LmdbReader::Meta {
  std::uint64_t page_size;
  std::uint16_t flags;
  std::uint16_t depth;
  std::uint64_t entries;
  std::uint64_t root;
  std::uint64_t last_page;
  std::uint64_t transaction;
};

LmdbReader::Meta LmdbReader::read_meta(std::uint64_t offset) const {
  // The page header, then MDB_meta: magic, version (4 each), address, mapsize (8 each), MDB_db[2] (48 each),
  // last_pg, txnid (8 each). An MDB_db: pad (4), flags, depth (2 each), three page counts, entries, root (8 each).
  constexpr std::size_t kMetaBytes = kPageHeader + 136;
  const auto file = file_.bytes();
  const auto page = file.substr(std::min<std::uint64_t>(offset, file.size()), kMetaBytes);
  const bool has_magic = page.size() >= kPageHeader + 4;
  if (has_magic &&
      ((load<std::uint16_t>(page, 10) & kMeta) == 0 || load<std::uint32_t>(page, kPageHeader) != kMagic)) {
    throw Error("not-an-lmdb", "the file does not start with LMDB's meta pages", path_);
  }
  if (page.size() < kMetaBytes) throw Error("truncated-file", "the file ends within LMDB's meta pages", path_);
  const auto meta = page.substr(kPageHeader);
  if (load<std::uint32_t>(meta, 4) != kVersion) {
    throw Error("unsupported", "the file has LMDB format version " + std::to_string(load<std::uint32_t>(meta, 4)) +
                                   "; version 1 (LMDB 0.9) is supported",
                path_);
  }
  constexpr std::size_t kMain = 72;
  return {load<std::uint32_t>(meta, 24),         load<std::uint16_t>(meta, kMain + 4),
          load<std::uint16_t>(meta, kMain + 6),  load<std::uint64_t>(meta, kMain + 32),
          load<std::uint64_t>(meta, kMain + 40), load<std::uint64_t>(meta, 120),
          load<std::uint64_t>(meta, 128)};
}

LmdbReader::LmdbReader(const std::string& folder) : path_(data_file(folder)), file_(path_) {
  if (file_.bytes().size() < kPageHeader + 4) {
    throw Error("not-an-lmdb", "the file is too short to be an LMDB", path_);
  }
  Meta meta = read_meta(0);
  page_size_ = meta.page_size;
  // MAX_PAGESIZE of mdb.c.
  if (page_size_ < 512 || page_size_ > 0x10000 || (page_size_ & (page_size_ - 1)) != 0) {
    throw Error("not-an-lmdb", "the page size in LMDB's meta page is not one", path_);
  }
  // Commits alternate between the two meta pages; the later one counts.
  if (const Meta other = read_meta(page_size_); other.transaction > meta.transaction) meta = other;

  const std::uint64_t file_pages = file_.bytes().size() / page_size_;
  if (meta.last_page >= file_pages) {
    throw Error("truncated-file",
                "the file has " + std::to_string(file_pages) + " whole pages of " + std::to_string(page_size_) +
                    " bytes, its meta page speaks of " + std::to_string(meta.last_page) + " as the last one",
                path_);
  }
  pages_ = meta.last_page + 1;
  entries_ = meta.entries;
  root_ = meta.root;
  depth_ = meta.depth;
  if ((meta.flags & kUnsupportedFlags) != 0) {
    throw Error("unsupported", "the database holds several values per key, which Caffe's never do", path_);
  }
  if (entries_ == 0 || root_ == kNoPage) throw Error("empty-dataset", "the database is empty", path_);
  // No entry is smaller than its node header and its pointer.
  if (depth_ == 0 || depth_ > kMaxDepth || entries_ / (page_size_ / (kNodeHeader + 2)) > pages_) {
    corrupt(0, "the meta page contradicts itself");
  }
}

LmdbReader::Entry LmdbReader::at(std::uint64_t index) {
  if (index >= entries_) throw Error("bad-datum", "entry " + std::to_string(index) + " is past the last one", path_);
  while (walked_entries_ <= index) find_next_leaf();
  const auto holds = [&](std::size_t leaf) {
    return leaves_[leaf].first <= index && (leaf + 1 == leaves_.size() || index < leaves_[leaf + 1].first);
  };
  if (current_page_.bytes.empty() || !holds(current_)) {
    if (current_ + 1 < leaves_.size() && holds(current_ + 1)) {
      ++current_;
    } else {
      const auto after = std::upper_bound(leaves_.begin(), leaves_.end(), index,
                                          [](std::uint64_t i, const Leaf& leaf) { return i < leaf.first; });
      current_ = static_cast<std::size_t>(after - leaves_.begin()) - 1;
    }
    current_page_ = tree_page(leaves_[current_].page, kLeaf);
  }
  const Node entry = node(current_page_, static_cast<std::uint32_t>(index - leaves_[current_].first));
  return {entry.key, value(entry)};
}

LmdbReader::Page LmdbReader::tree_page(std::uint64_t number, std::uint16_t kind) const {
  if (number < 2 || number >= pages_) corrupt(number, "it lies outside the database");
  Page page{file_.bytes().substr(number * page_size_, page_size_), number, 0, 0};
  page.flags = load<std::uint16_t>(page.bytes, 10);
  if ((page.flags & (kBranch | kLeaf | kOverflow | kMeta)) != kind) corrupt(number, "it is not of the kind expected");
  const auto lower = load<std::uint16_t>(page.bytes, 12);
  if (lower < kPageHeader || lower > page_size_) corrupt(number, "its header is damaged");
  page.keys = static_cast<std::uint32_t>(lower - kPageHeader) / 2;
  if (page.keys == 0) corrupt(number, "it is empty");
  return page;
}

LmdbReader::Node LmdbReader::node(const Page& page, std::uint32_t index) const {
  const std::size_t offset = load<std::uint16_t>(page.bytes, kPageHeader + 2 * std::size_t{index});
  if (offset < kPageHeader || offset + kNodeHeader > page_size_) corrupt(page.number, "a node lies outside it");
  const auto bytes = page.bytes.substr(offset);
  const std::uint32_t low = load<std::uint16_t>(bytes, 0);
  const std::uint32_t high = load<std::uint16_t>(bytes, 2);
  const auto flags = load<std::uint16_t>(bytes, 4);
  const std::size_t key_size = load<std::uint16_t>(bytes, 6);
  if (kNodeHeader + key_size > bytes.size()) corrupt(page.number, "a key lies outside it");
  const std::uint32_t size = low | high << 16;
  // A branch node has no flags: the field holds the top 16 bits of the page number.
  const std::uint64_t child = size | std::uint64_t{flags} << 32;
  return {size, child, flags, bytes.substr(kNodeHeader, key_size), bytes.substr(kNodeHeader + key_size)};
}

std::string_view LmdbReader::value(const Node& node) const {
  if ((node.flags & (kSubData | kDuplicates)) != 0) {
    throw Error("unsupported", "the LMDB holds named databases, which Caffe's never do", path_);
  }
  if ((node.flags & kBigData) == 0) {
    if (node.size > node.rest.size()) corrupt(current_page_.number, "a value lies outside it");
    return node.rest.substr(0, node.size);
  }
  // Larger values lie on a run of overflow pages behind one header.
  if (node.rest.size() < sizeof(std::uint64_t)) corrupt(current_page_.number, "a page number lies outside it");
  const auto number = load<std::uint64_t>(node.rest, 0);
  if (number < 2 || number >= pages_) corrupt(number, "it lies outside the database");
  const auto first = file_.bytes().substr(number * page_size_, page_size_);
  if ((load<std::uint16_t>(first, 10) & kOverflow) == 0) corrupt(number, "it is not of the kind expected");
  const std::uint64_t run = load<std::uint32_t>(first, 12);
  if (run > pages_ - number || kPageHeader + std::uint64_t{node.size} > run * page_size_) {
    corrupt(number, "its header is damaged");
  }
  return file_.bytes().substr(number * page_size_ + kPageHeader, node.size);
}

void LmdbReader::find_next_leaf() {
  // In a sound tree no page is met twice, so that this ends even where damaged branch pages form a loop.
  if (leaves_.size() >= pages_) corrupt(root_, "the tree has more leaves than pages");
  std::uint64_t number = root_;
  if (!leaves_.empty()) {
    while (!walk_.empty() && walk_.back().next == walk_.back().page.keys) walk_.pop_back();
    if (walk_.empty()) corrupt(root_, "the tree has fewer entries than its meta page says");
    number = node(walk_.back().page, walk_.back().next++).child;
  }
  while (walk_.size() + 1 < depth_) {
    walk_.push_back({tree_page(number, kBranch), 1});
    number = node(walk_.back().page, 0).child;
  }
  const Page leaf = tree_page(number, kLeaf);
  leaves_.push_back({walked_entries_, number});
  walked_entries_ += leaf.keys;
}

void LmdbReader::corrupt(std::uint64_t page, const char* what) const {
  throw Error("corrupt-file", "page " + std::to_string(page) + " of the LMDB is damaged: " + what, path_);
}

}  // namespace olmp
