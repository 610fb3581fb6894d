// Reads a database in stock LMDB 0.9 format (64-bit), read-only and without a lock file.
//
// The B+tree is read here rather than by liblmdb, because liblmdb trusts its pages: on a damaged file it aborts or
// reads past the map, which would take a run down with it. Every offset taken from the file is checked here against the
// page and the file. Format: lmdb 0.9's mdb.c (MDB_page, MDB_node, MDB_meta, MDB_db).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/mapped_file.h"

namespace olmp {

// Entries of the main database by index in key order, without copying: views stay valid as long as the reader.
// One thread at a time. The file must not be changed meanwhile; what was committed at opening is what is read.
class LmdbReader {
 public:
  struct Entry {
    std::string_view key;
    std::string_view value;
  };

  // `folder` holds data.mdb. Throws Error with codes: missing-file, not-an-lmdb, truncated-file, corrupt-file,
  // empty-dataset, unsupported.
  explicit LmdbReader(const std::string& folder);

  std::uint64_t entries() const { return entries_; }
  // Throws Error("corrupt-file"). The first access to an index reads the leaf pages before it, once.
  Entry at(std::uint64_t index);
  const std::string& file() const { return path_; }

 private:
  struct Meta;
  struct Page {
    std::string_view bytes;
    std::uint64_t number = 0;
    std::uint16_t flags = 0;
    std::uint32_t keys = 0;
  };
  struct Node {
    std::uint32_t size;   // leaf: of the value
    std::uint64_t child;  // branch: page number
    std::uint16_t flags;
    std::string_view key;
    std::string_view rest;  // what follows the key, up to the end of the page
  };
  struct Level {
    Page page;
    std::uint32_t next = 0;  // child to descend into next
  };
  struct Leaf {
    std::uint64_t first;  // index of its first entry
    std::uint64_t page;
  };

  Meta read_meta(std::uint64_t offset) const;
  Page tree_page(std::uint64_t number, std::uint16_t kind) const;
  Node node(const Page& page, std::uint32_t index) const;
  std::string_view value(const Node& node) const;
  void find_next_leaf();
  [[noreturn]] void corrupt(std::uint64_t page, const char* what) const;

  std::string path_;
  MappedFile file_;
  std::uint64_t page_size_ = 0;
  std::uint64_t pages_ = 0;
  std::uint64_t entries_ = 0;
  std::uint64_t root_ = 0;
  std::uint32_t depth_ = 0;

  // Leaves in key order as far as they have been walked, with the branch pages above the last of them.
  std::vector<Leaf> leaves_;
  std::vector<Level> walk_;
  std::uint64_t walked_entries_ = 0;
  std::size_t current_ = 0;  // leaf of the last access
  Page current_page_;
};

}  // namespace olmp
