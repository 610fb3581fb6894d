// Reading and writing databases of Datums, sound and damaged.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <lmdb.h>

#include <cstring>

#include "data/datums.h"
#include "data/lmdb_reader.h"
#include "test/data_fixtures.h"

using namespace olmp;
using namespace olmp::test;

namespace {

// What liblmdb itself reads.
std::vector<std::pair<std::string, std::string>> read_by_liblmdb(const std::string& folder) {
  MDB_env* environment = nullptr;
  MDB_txn* transaction = nullptr;
  MDB_cursor* cursor = nullptr;
  MDB_dbi main = 0;
  REQUIRE(mdb_env_create(&environment) == 0);
  REQUIRE(mdb_env_open(environment, folder.c_str(), MDB_RDONLY | MDB_NOLOCK, 0) == 0);
  REQUIRE(mdb_txn_begin(environment, nullptr, MDB_RDONLY, &transaction) == 0);
  REQUIRE(mdb_dbi_open(transaction, nullptr, 0, &main) == 0);
  REQUIRE(mdb_cursor_open(transaction, main, &cursor) == 0);
  std::vector<std::pair<std::string, std::string>> entries;
  MDB_val key, value;
  while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
    entries.emplace_back(std::string(static_cast<char*>(key.mv_data), key.mv_size),
                         std::string(static_cast<char*>(value.mv_data), value.mv_size));
  }
  mdb_cursor_close(cursor);
  mdb_txn_abort(transaction);
  mdb_env_close(environment);
  return entries;
}

void check_as_liblmdb(const std::string& folder, std::size_t entries) {
  const auto expected = read_by_liblmdb(folder);
  REQUIRE(expected.size() == entries);
  LmdbReader reader(folder);
  REQUIRE(reader.entries() == entries);
  Random random(5);
  for (std::size_t i = 0; i < entries; ++i) {
    const auto in_order = reader.at(i);
    CHECK(in_order.key == expected[i].first);
    CHECK(in_order.value == expected[i].second);
    const auto other = random.below(static_cast<std::uint32_t>(entries));
    CHECK(reader.at(other).value == expected[other].second);
  }
  LmdbReader from_the_end(folder);
  CHECK(from_the_end.at(entries - 1).key == expected.back().first);
  CHECK(from_the_end.at(0).key == expected.front().first);
}

void write_idx(const std::string& path, const std::vector<std::uint32_t>& dims, const std::string& values) {
  std::string bytes{'\0', '\0', '\x08', static_cast<char>(dims.size())};
  for (const auto dim : dims) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(dim >> shift));
  }
  write_file(path, bytes + values);
}

}  // namespace

TEST_CASE("entries are those liblmdb reads, in order and at random") {
  TemporaryFolder folder("read");
  SUBCASE("inline values, three levels deep") {
    std::vector<std::string> values;
    for (std::size_t i = 0; i < 30000; ++i) values.emplace_back(i % 200, static_cast<char>(i));
    write_lmdb(folder / "db", values);
    check_as_liblmdb(folder / "db", values.size());
  }
  SUBCASE("values on overflow pages, of all sizes") {
    std::vector<std::string> values;
    for (std::size_t i = 0; i < 400; ++i) values.emplace_back(i * 97, static_cast<char>(i));
    write_lmdb(folder / "db", values);
    check_as_liblmdb(folder / "db", values.size());
  }
  SUBCASE("one entry") {
    write_lmdb(folder / "db", {"value"});
    check_as_liblmdb(folder / "db", 1);
  }
}

TEST_CASE("reading leaves nothing behind, and a folder without write permission will do") {
  TemporaryFolder folder("readonly");
  write_lmdb(folder / "db", counted_datums(20, {1, 4, 4}));
  CHECK_FALSE(fs::exists(folder / "db/lock.mdb"));
  fs::permissions(folder / "db/data.mdb", fs::perms::owner_read);
  fs::permissions(folder / "db", fs::perms::owner_read | fs::perms::owner_exec);
  const auto info = describe_datums(folder / "db");
  CHECK(info.entries == 20);
  CHECK(info.shape == std::array<int, 3>{1, 4, 4});
  CHECK_FALSE(info.encoded);
  CHECK_FALSE(info.float_data);
  fs::permissions(folder / "db", fs::perms::owner_all);
  CHECK(std::distance(fs::directory_iterator(folder / "db"), {}) == 1);
}

TEST_CASE("datums come as stored, and a range is cut at the end") {
  TemporaryFolder folder("datums");
  write_lmdb(folder / "db", counted_datums(12, {2, 3, 4}));
  const auto images = read_datums(folder / "db", 10, 5);
  REQUIRE(images.size() == 2);
  CHECK(images[1].shape == std::array<int, 3>{2, 3, 4});
  CHECK(images[1].label == 1);
  REQUIRE(images[1].pixels.size() == 24);
  for (std::size_t j = 0; j < 24; ++j) CHECK(images[1].pixels[j] == static_cast<float>((11 * 7 + j) % 256));
  CHECK(read_datums(folder / "db", 12, 5).empty());
  CHECK(read_datums(folder / "db", 0, UINT64_MAX).size() == 12);
}

TEST_CASE("float_data, packed or not") {
  TemporaryFolder folder("float");
  const float values[] = {-1.5F, 0.25F};
  const std::string head = serialize_datum({1, 1, 2}, "", 3);
  const std::string bits(reinterpret_cast<const char*>(values), sizeof values);
  const std::string packed = head + "\x32\x08" + bits;
  const std::string unpacked = head + '\x35' + bits.substr(0, 4) + '\x35' + bits.substr(4);
  write_lmdb(folder / "db", {packed, unpacked});
  CHECK(describe_datums(folder / "db").float_data);
  for (const auto& image : read_datums(folder / "db", 0, 2)) {
    CHECK(image.label == 3);
    CHECK(image.pixels == std::vector<float>{-1.5F, 0.25F});
  }
}

TEST_CASE("what is not a sound database is named") {
  TemporaryFolder folder("broken");
  const auto describe = [](const std::string& path) { return error_code([&] { describe_datums(path); }); };
  CHECK(describe(folder / "nowhere") == "missing-file");
  CHECK(describe(folder.path()) == "not-an-lmdb");

  write_file(folder / "data.mdb", "");
  CHECK(describe(folder.path()) == "not-an-lmdb");
  write_file(folder / "data.mdb", "this is a text, not a database");
  CHECK(describe(folder.path()) == "not-an-lmdb");
  write_file(folder / "data.mdb", std::string(100000, 'x'));
  CHECK(describe(folder.path()) == "not-an-lmdb");

  write_lmdb(folder / "db", counted_datums(200, {3, 32, 32}));
  const std::string sound = read_file(folder / "db/data.mdb");
  for (const std::size_t size : {sound.size() - 1, sound.size() / 2, std::size_t{8192}, std::size_t{50}}) {
    write_file(folder / "data.mdb", sound.substr(0, size));
    CHECK(describe(folder.path()) == "truncated-file");
  }

  LmdbWriter(folder / "empty", 1 << 20).close();
  CHECK(describe(folder / "empty") == "empty-dataset");
  write_lmdb(folder / "text", {"this is not a datum"});
  CHECK(describe(folder / "text") == "bad-datum");
  write_lmdb(folder / "short", {serialize_datum({1, 2, 3}, "12345", 0)});
  CHECK(describe(folder / "short") == "bad-datum");
  // Dimensions whose product is 2^64, which is 0 in 64 bits.
  write_lmdb(folder / "huge", {serialize_datum({1 << 30, 1 << 30, 16}, "", 0)});
  CHECK(describe(folder / "huge") == "bad-datum");
}

TEST_CASE("a damaged database gives values or an Error") {
  TemporaryFolder folder("fuzz");
  Random random(20);
  int errors = 0;
  for (const auto& shape : {std::array<int, 3>{1, 4, 4}, std::array<int, 3>{3, 40, 40}}) {
    write_lmdb(folder / "db", counted_datums(shape[0] == 1 ? 1500 : 120, shape));
    const std::string sound = read_file(folder / "db/data.mdb");
    fs::remove_all(folder / "db");
    for (int round = 0; round < 1500; ++round) {
      std::string bytes = sound;
      // Most of the file is pixels; the structure is at the head of pages and at the nodes it points to.
      const std::size_t page = random.below(static_cast<std::uint32_t>(sound.size() / 4096)) * std::size_t{4096};
      const std::size_t length = random.below(3) == 0 ? 4096 : 160;
      const std::string part = damaged(sound.substr(page, length), random);
      bytes.replace(page, part.size(), part);
      if (random.below(20) == 0) bytes.resize(random.below(static_cast<std::uint32_t>(bytes.size())));
      write_file(folder / "data.mdb", bytes);
      if (error_code([&] { read_datums(folder.path(), 0, UINT64_MAX); }) != "") ++errors;
    }
  }
  CHECK(errors > 300);
  CHECK(errors < 3000);
}

TEST_CASE("a loop of branch pages ends") {
  TemporaryFolder folder("loop");
  write_lmdb(folder / "db", std::vector<std::string>(30000, "value"));
  std::string bytes = read_file(folder / "db/data.mdb");
  std::uint64_t transaction[2];
  for (int i = 0; i < 2; ++i) std::memcpy(&transaction[i], bytes.data() + i * 4096 + 16 + 128, 8);
  const std::size_t meta = transaction[0] > transaction[1] ? 16 : 4096 + 16;
  std::uint64_t root;
  std::memcpy(&root, bytes.data() + meta + 72 + 40, 8);
  // Every child of the root becomes its first one.
  const std::size_t page = root * 4096;
  std::uint16_t lower, first, other;
  std::memcpy(&lower, bytes.data() + page + 12, 2);
  std::memcpy(&first, bytes.data() + page + 16, 2);
  for (std::size_t at = 18; at < lower; at += 2) {
    std::memcpy(&other, bytes.data() + page + at, 2);
    std::memcpy(bytes.data() + page + other, bytes.data() + page + first, 6);
  }
  // And the meta page claims far more entries than there are.
  const std::uint64_t claimed = bytes.size() / 10;
  std::memcpy(bytes.data() + meta + 72 + 32, &claimed, 8);
  write_file(folder / "data.mdb", bytes);
  LmdbReader reader(folder.path());
  CHECK(error_code([&] { reader.at(claimed - 1); }) == "corrupt-file");
}

TEST_CASE("a writer leaves a database under its name, or nothing") {
  TemporaryFolder folder("writer");
  const auto files = [&] { return std::distance(fs::directory_iterator(folder.path()), {}); };
  {
    LmdbWriter writer(folder / "db", 1 << 20);
    writer.put({{"a", "1"}});
    CHECK_FALSE(fs::exists(folder / "db"));
  }
  CHECK(files() == 0);
  {
    LmdbWriter writer(folder / "db", 1 << 20);
    CHECK(error_code([&] { writer.put({{"a", "1"}, {"a", "2"}}); }) == "duplicate-key");
  }
  CHECK(files() == 0);
  CHECK(error_code([&] { write_lmdb(folder / "none/db", {"1"}); }) == "write-failed");
  CHECK(error_code([&] {
          LmdbWriter writer(folder / "db", 1 << 16);
          writer.put({{"a", std::string(1 << 20, 'x')}});
          writer.close();
        }) == "map-full");
  CHECK(files() == 0);

  fs::create_directory(folder / "db");
  write_lmdb(folder / "db/", {"1"});  // over an empty folder, named with a slash
  CHECK(read_by_liblmdb(folder / "db").size() == 1);
  CHECK(files() == 1);
  CHECK(error_code([&] { write_lmdb(folder / "db", {"1"}); }) == "not-empty");
}

TEST_CASE("MNIST's idx files become the database that Caffe's tool makes") {
  TemporaryFolder folder("mnist");
  // Only the sizes of the datums decide the size of the file: 61,763,584 and 10,338,304 bytes are what
  // convert_mnist_data makes of the 60,000 and 10,000 images.
  for (const auto& [count, size] : {std::pair{60000U, 61763584U}, std::pair{10000U, 10338304U}}) {
    std::string labels(count, '\0');
    for (std::size_t i = 0; i < count; ++i) labels[i] = static_cast<char>(i % 10);
    write_idx(folder / "images", {count, 28, 28}, std::string(std::size_t{count} * 784, '\x7f'));
    write_idx(folder / "labels", {count}, labels);
    convert_mnist(folder / "images", folder / "labels", folder / "db");
    CHECK(fs::file_size(folder / "db/data.mdb") == size);
    LmdbReader reader(folder / "db");
    CHECK(reader.entries() == count);
    const auto last = reader.at(count - 1);
    CHECK(last.key == key_of(count - 1));
    // Fields by number: 1, 28, 28, 784 bytes, label 9.
    CHECK(last.value == "\x08\x01\x10\x1c\x18\x1c\x22\x90\x06" + std::string(784, '\x7f') + "\x28\x09");
    fs::remove_all(folder / "db");
  }
}

TEST_CASE("idx files that do not fit are refused") {
  TemporaryFolder folder("idx");
  const auto convert = [&] {
    return error_code([&] { convert_mnist(folder / "images", folder / "labels", folder / "db"); });
  };
  write_idx(folder / "labels", {2}, "\1\2");
  CHECK(convert() == "missing-file");
  write_idx(folder / "images", {2, 2, 2}, "1234567");
  CHECK(convert() == "truncated-file");
  write_idx(folder / "images", {UINT32_MAX, UINT32_MAX, UINT32_MAX}, "12345678");
  CHECK(convert() == "truncated-file");
  write_file(folder / "images", "\x1f\x8b compressed");
  CHECK(convert() == "not-an-idx");
  write_file(folder / "images", std::string_view("\0\0\x08\x03\0", 5));
  CHECK(convert() == "truncated-file");
  write_idx(folder / "images", {3, 2, 2}, "123456789012");
  CHECK(convert() == "shape-mismatch");
  CHECK_FALSE(fs::exists(folder / "db"));
}
