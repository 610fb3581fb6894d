// A large array of bytes that is read here and there: on Linux in huge pages where there are any, so that each read does not
// cost a walk through the page tables besides.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace olmp {

class ByteArray {
 public:
  ByteArray() = default;
  // Throws std::bad_alloc.
  explicit ByteArray(std::size_t size) : size_(size) {
#ifdef _WIN32
    bytes_.reset(static_cast<std::uint8_t*>(std::malloc(size)));
#else
    constexpr std::size_t kHugePage = std::size_t{1} << 21;
    const std::size_t whole = (size + kHugePage - 1) / kHugePage * kHugePage;
    bytes_.reset(static_cast<std::uint8_t*>(std::aligned_alloc(kHugePage, whole)));
#endif
    if (bytes_ == nullptr) throw std::bad_alloc();
#ifdef __linux__
    madvise(bytes_.get(), whole, MADV_HUGEPAGE);  // a wish: nothing is lost where it is refused
#endif
  }

  std::uint8_t* data() { return bytes_.get(); }
  const std::uint8_t* data() const { return bytes_.get(); }
  bool empty() const { return size_ == 0; }

 private:
  struct Free {
    void operator()(std::uint8_t* bytes) const { std::free(bytes); }
  };
  std::size_t size_ = 0;
  std::unique_ptr<std::uint8_t, Free> bytes_;
};

}  // namespace olmp
