// Writes a database in stock LMDB 0.9 format, as Caffe's convert tools do.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace olmp {

// The database grows in a sibling folder and gets its name in close(), after an fsync, so that a crash leaves no half
// database under that name. Without close() nothing remains. No lock file is made. Not thread-safe.
// Throws Error with codes: not-empty, write-failed, map-full, duplicate-key.
class LmdbWriter {
 public:
  // `folder` must not exist or be empty; its parent must exist. `map_size`: upper limit of the database in bytes.
  LmdbWriter(const std::string& folder, std::uint64_t map_size);
  ~LmdbWriter();
  LmdbWriter(const LmdbWriter&) = delete;
  LmdbWriter& operator=(const LmdbWriter&) = delete;

  // Pairs of key (1 to 511 bytes) and value; one commit per 1000, counted over all calls, as in Caffe's convert tools.
  void put(const std::vector<std::pair<std::string_view, std::string_view>>& entries);
  void close();

 private:
  class Database;
  std::unique_ptr<Database> database_;
};

}  // namespace olmp
