// Files with an owner: positioned reads that name the file when they fail, and writes that are whole or absent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace olmp {

class InputFile {
 public:
  // Throws Error("missing-file") or Error("unreadable-file").
  explicit InputFile(std::string path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::string& path() const { return path_; }
  std::uint64_t size() const { return size_; }
  // Throws Error("truncated-file") where the file ends before offset + bytes.
  void read_at(std::uint64_t offset, void* to, std::size_t bytes) const;

 private:
  std::string path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

// Writes beside the file under a temporary name; commit() gives it its name. Without commit() nothing is left behind. Whoever
// needs it after a power failure syncs it: a run does that while it trains on. Throws Error("write-failed").
class OutputFile {
 public:
  explicit OutputFile(std::string path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(const void* from, std::size_t bytes);
  void commit();

 private:
  [[noreturn]] void fail(const std::string& what) const;

  std::string path_;
  std::string temporary_;
  int descriptor_ = -1;
  bool committed_ = false;
};

}  // namespace olmp
