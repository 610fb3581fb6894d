// A blob: shape plus data and, where a gradient is wanted, diff. Memory comes from a backend, so that the same net
// code runs on host and device memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

namespace olmp {

using Shape = std::vector<int>;

inline std::int64_t count(const Shape& shape, std::size_t from = 0, std::size_t to = SIZE_MAX) {
  std::int64_t product = 1;
  for (std::size_t i = from; i < shape.size() && i < to; ++i) product *= shape[i];
  return product;
}

// Owner of backend memory; `release` is the backend's.
using FloatBuffer = std::unique_ptr<float[], void (*)(float*)>;

// 64-byte aligned, zeroed host memory. Throws Error("out-of-memory") naming `what`.
FloatBuffer allocate_host(std::int64_t floats, const std::string& what);

struct Tensor {
  std::string name;
  Shape shape;
  FloatBuffer data_buffer{nullptr, [](float*) {}};
  FloatBuffer diff_buffer{nullptr, [](float*) {}};
  float* data = nullptr;  // may alias another tensor's memory (Split, Flatten, Reshape, in-place layers)
  float* diff = nullptr;  // null where no gradient is needed
  bool kept = true;       // false after a pass that had no need to write it

  std::int64_t count() const { return olmp::count(shape); }
  // Caffe's canonical views: product of axes [0, axis), [axis, end).
  std::int64_t outer(int axis) const { return olmp::count(shape, 0, static_cast<std::size_t>(axis)); }
  std::int64_t inner(int axis) const { return olmp::count(shape, static_cast<std::size_t>(axis)); }
};

}  // namespace olmp
