// Databases, images and damage for the tests of native/data.
#pragma once

#include <unistd.h>

#include <doctest/doctest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "data/datum.h"
#include "data/lmdb_writer.h"
#include "engine/error.h"
#include "engine/random.h"
#include "engine/tensor.h"

namespace olmp::test {

namespace fs = std::filesystem;

// A folder of its own, gone at the end of the test.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const std::string& name) : path_(fs::temp_directory_path() / ("olmp-" + name + "-" + std::to_string(getpid()))) {
    fs::create_directories(path_);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline std::string key_of(std::size_t i) {
  char key[24];
  std::snprintf(key, sizeof key, "%08zu", i);
  return key;
}

// The values under keys %08d.
inline void write_lmdb(const std::string& folder, const std::vector<std::string>& values) {
  LmdbWriter writer(folder, std::uint64_t{1} << 28);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string key = key_of(i);
    writer.put({{key, values[i]}});
  }
  writer.close();
}

// Datum i: byte j is (i * 7 + j) mod 256, the label i mod 10.
inline std::string counted_datum(std::size_t i, const std::array<int, 3>& shape) {
  std::string data(static_cast<std::size_t>(shape[0] * shape[1] * shape[2]), '\0');
  for (std::size_t j = 0; j < data.size(); ++j) data[j] = static_cast<char>(i * 7 + j);
  return serialize_datum(shape, data, static_cast<int>(i % 10));
}

inline std::vector<std::string> counted_datums(std::size_t n, const std::array<int, 3>& shape) {
  std::vector<std::string> values;
  for (std::size_t i = 0; i < n; ++i) values.push_back(counted_datum(i, shape));
  return values;
}

template <typename Function>
std::string error_code(Function function) {
  try {
    function();
  } catch (const Error& error) {
    CHECK(std::string(error.what()) != "");
    return error.code();
  }
  return "";
}

// Code and words of the error, "none" without one.
template <typename Work>
std::string message_of(const Work& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.code() + ": " + error.what();
  }
  return "none";
}

inline bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Overwrites one to four bytes, at times with the extremes that lengths and offsets trip over.
inline std::string damaged(std::string bytes, Random& random) {
  for (auto left = 1 + random.below(4); left > 0 && !bytes.empty(); --left) {
    char& byte = bytes[random.below(static_cast<std::uint32_t>(bytes.size()))];
    switch (random.below(4)) {
      case 0: byte = '\xff'; break;
      case 1: byte = '\0'; break;
      case 2: byte = static_cast<char>(byte ^ (1 << random.below(8))); break;
      default: byte = static_cast<char>(random.below(256));
    }
  }
  if (random.below(8) == 0) bytes.resize(random.below(static_cast<std::uint32_t>(bytes.size()) + 1));
  return bytes;
}

}  // namespace olmp::test
