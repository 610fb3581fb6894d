// A file mapped into memory, read-only.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace olmp {

// Paths cross from TypeScript as UTF-8 whatever the system's code page is.
inline std::filesystem::path utf8_path(const std::string& path) { return std::filesystem::u8path(path); }

class MappedFile {
 public:
  // Throws Error("missing-file"), also where it cannot be read. An empty file maps to no bytes.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::string_view bytes() const { return {data_, size_}; }

 private:
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace olmp
