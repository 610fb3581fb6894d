#include "data/lmdb_writer.h"

#include <lmdb.h>

#include <cstdio>
#include <system_error>
#include <utility>

#include "data/mapped_file.h"
#include "engine/error.h"

#ifdef _WIN32
#include <process.h>
#else
#include <fcntl.h>
#include <unistd.h>
#endif

namespace olmp {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kEntriesPerCommit = 1000;

int process_id() {
#ifdef _WIN32
  return ::_getpid();
#else
  return ::getpid();
#endif
}

[[noreturn]] void fail(const std::string& doing, const std::string& why, const std::string& file) {
  throw Error("write-failed", doing + ": " + why, file);
}

// Makes a rename durable; other systems have no such call.
void sync_folder(const fs::path& folder) {
#ifdef _WIN32
  (void)folder;
#else
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return;
  ::fsync(file);
  ::close(file);
#endif
}

// The path without a separator at its end, so that its last component has a name.
fs::path without_slash(fs::path path) { return path.has_filename() ? path : path.parent_path(); }

}  // namespace

class LmdbWriter::Database {
 public:
  Database(const std::string& folder, std::uint64_t map_size)
      : folder_(without_slash(fs::absolute(utf8_path(folder)))), partial_(folder_) {
    std::error_code error;
    if (fs::exists(folder_, error) && !fs::is_empty(folder_, error)) {
      throw Error("not-empty", "the folder for the new database is not empty", folder);
    }
    // Two writers of one name may be at work, in one process or two: the first to finish gets it.
    char unique[48];
    std::snprintf(unique, sizeof unique, ".partial-%d-%p", process_id(), static_cast<void*>(this));
    partial_ += unique;
    fs::remove_all(partial_, error);
    if (!fs::create_directory(partial_, error)) fail("the folder cannot be made", error.message(), partial_.u8string());
    try {
      open(map_size);
    } catch (...) {
      discard();
      throw;
    }
  }

  ~Database() { discard(); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void put(std::string_view key, std::string_view value) {
    if (transaction_ == nullptr) begin();
    MDB_val k{key.size(), const_cast<char*>(key.data())};
    MDB_val v{value.size(), const_cast<char*>(value.data())};
    const int status = mdb_put(transaction_, main_, &k, &v, MDB_NOOVERWRITE);
    if (status == MDB_KEYEXIST) throw Error("duplicate-key", "two entries have the same key", folder_.u8string());
    check(status, "an entry cannot be written");
    if (++pending_ == kEntriesPerCommit) commit();
  }

  void close() {
    if (transaction_ != nullptr) commit();
    check(mdb_env_sync(environment_, 1), "the database cannot be written to the disk");
    mdb_env_close(environment_);
    environment_ = nullptr;
    sync_folder(partial_);
    std::error_code error;
    fs::remove(folder_, error);  // where it stood empty
    fs::rename(partial_, folder_, error);
    if (error) fail("the database cannot get its name", error.message(), folder_.u8string());
    sync_folder(folder_.parent_path());
  }

 private:
  void open(std::uint64_t map_size) {
    // LMDB wants a multiple of the system's page size.
    constexpr std::uint64_t kMultiple = 0x10000;
    const std::uint64_t whole = (map_size + kMultiple - 1) / kMultiple * kMultiple;
    check(mdb_env_create(&environment_), "LMDB cannot be set up");
    check(mdb_env_set_mapsize(environment_, whole), "the database's size cannot be set");
    // Nobody else knows the folder, so no lock; close() syncs once for all commits.
    check(mdb_env_open(environment_, partial_.u8string().c_str(), MDB_NOLOCK | MDB_NOSYNC, 0644),
          "the database cannot be made");
  }

  void begin() {
    check(mdb_txn_begin(environment_, nullptr, 0, &transaction_), "a transaction cannot be begun");
    check(mdb_dbi_open(transaction_, nullptr, 0, &main_), "the database cannot be opened");
  }

  void commit() {
    pending_ = 0;
    check(mdb_txn_commit(std::exchange(transaction_, nullptr)), "a transaction cannot be committed");
  }

  void check(int status, const char* doing) const {
    if (status == MDB_MAP_FULL) {
      throw Error("map-full", "the database has outgrown the size it was given", folder_.u8string());
    }
    if (status != MDB_SUCCESS) fail(doing, mdb_strerror(status), folder_.u8string());
  }

  void discard() noexcept {
    if (transaction_ != nullptr) mdb_txn_abort(std::exchange(transaction_, nullptr));
    if (environment_ != nullptr) mdb_env_close(std::exchange(environment_, nullptr));
    std::error_code error;
    fs::remove_all(partial_, error);
  }

  fs::path folder_;
  fs::path partial_;
  MDB_env* environment_ = nullptr;
  MDB_txn* transaction_ = nullptr;
  MDB_dbi main_ = 0;
  std::uint64_t pending_ = 0;
};

LmdbWriter::LmdbWriter(const std::string& folder, std::uint64_t map_size)
    : database_(std::make_unique<Database>(folder, map_size)) {}

LmdbWriter::~LmdbWriter() = default;

void LmdbWriter::put(const std::vector<std::pair<std::string_view, std::string_view>>& entries) {
  if (!database_) throw Error("write-failed", "the database is closed already");
  for (const auto& [key, value] : entries) database_->put(key, value);
}

void LmdbWriter::close() {
  if (!database_) return;
  // Gone after this, whether or not it succeeds.
  const auto database = std::move(database_);
  database->close();
}

}  // namespace olmp
