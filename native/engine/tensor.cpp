#include "engine/tensor.h"

#include <cstdlib>
#include <cstring>

#include "engine/error.h"

namespace olmp {
namespace {

constexpr std::size_t kAlignment = 64;  // a cache line, and a full AVX-512 vector

void release_host(float* memory) {
#ifdef _MSC_VER
  _aligned_free(memory);
#else
  std::free(memory);
#endif
}

}  // namespace

FloatBuffer allocate_host(std::int64_t floats, const std::string& what) {
  const auto limit = static_cast<std::int64_t>(SIZE_MAX / 2 / sizeof(float));
  if (floats >= 0 && floats < limit) {
    const std::size_t wanted = static_cast<std::size_t>(floats) * sizeof(float);
    // Whole cache lines, and at least one: kernels may read a full vector at the end of an array.
    const std::size_t bytes = (wanted / kAlignment + 1) * kAlignment;
#ifdef _MSC_VER
    void* memory = _aligned_malloc(bytes, kAlignment);
#else
    void* memory = std::aligned_alloc(kAlignment, bytes);
#endif
    if (memory != nullptr) {
      std::memset(memory, 0, bytes);
      return FloatBuffer(static_cast<float*>(memory), release_host);
    }
  }
  throw Error("out-of-memory", "Not enough memory for " + what + " (" + std::to_string(floats) +
                                   " numbers). Use a smaller batch, or close other programs.");
}

}  // namespace olmp
