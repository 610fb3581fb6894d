#include "data/mapped_file.h"

#include "engine/error.h"

#ifdef _WIN32
#define NOMINMAX
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#endif

namespace olmp {

#ifdef _WIN32

MappedFile::MappedFile(const std::string& path) {
  struct Handle {
    HANDLE value;
    ~Handle() {
      if (value != nullptr && value != INVALID_HANDLE_VALUE) CloseHandle(value);
    }
  };
  const Handle file{CreateFileW(utf8_path(path).c_str(), GENERIC_READ, FILE_SHARE_READ, nullptr, OPEN_EXISTING,
                                FILE_ATTRIBUTE_NORMAL, nullptr)};
  LARGE_INTEGER size{};
  if (file.value == INVALID_HANDLE_VALUE || !GetFileSizeEx(file.value, &size)) {
    throw Error("missing-file", "the file cannot be opened", path);
  }
  if (size.QuadPart == 0) return;
  const Handle mapping{CreateFileMappingW(file.value, nullptr, PAGE_READONLY, 0, 0, nullptr)};
  if (mapping.value != nullptr) data_ = static_cast<const char*>(MapViewOfFile(mapping.value, FILE_MAP_READ, 0, 0, 0));
  if (data_ == nullptr) throw Error("missing-file", "the file cannot be mapped into memory", path);
  size_ = static_cast<std::size_t>(size.QuadPart);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) UnmapViewOfFile(data_);
}

#else

MappedFile::MappedFile(const std::string& path) {
  struct Descriptor {
    int value;
    ~Descriptor() {
      if (value >= 0) ::close(value);
    }
  };
  const auto fail = [&path](const char* what) {
    throw Error("missing-file", std::string(what) + ": " + std::generic_category().message(errno), path);
  };
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat status {};
  if (file.value < 0 || ::fstat(file.value, &status) != 0) fail("the file cannot be opened");
  if (!S_ISREG(status.st_mode)) throw Error("missing-file", "this is not a file", path);
  if (status.st_size == 0) return;
  const auto size = static_cast<std::size_t>(status.st_size);
  void* map = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.value, 0);
  if (map == MAP_FAILED) fail("the file cannot be mapped into memory");
  data_ = static_cast<const char*>(map);
  size_ = size;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<char*>(data_), size_);
}

#endif

}  // namespace olmp
