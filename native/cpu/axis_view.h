// A blob seen from one axis: (outer, size, inner), Caffe's count(0, axis), shape(axis), count(axis + 1).
#pragma once

#include <cstdint>
#include <string>

#include "engine/error.h"
#include "engine/tensor.h"

namespace olmp {

struct AxisView {
  std::int64_t outer;
  std::int64_t size;
  std::int64_t inner;
};

// `axis` may count from the end, as in Caffe. Throws Error("bad-axis") naming the layer.
inline AxisView axis_view(const Tensor& tensor, int axis, const std::string& layer) {
  const int axes = static_cast<int>(tensor.shape.size());
  const int canonical = axis < 0 ? axis + axes : axis;
  if (canonical < 0 || canonical >= axes) {
    throw Error("bad-axis", "layer '" + layer + "': axis " + std::to_string(axis) + " does not exist in blob '" +
                                tensor.name + "', which has " + std::to_string(axes) + " axes");
  }
  const auto at = static_cast<std::size_t>(canonical);
  return {count(tensor.shape, 0, at), tensor.shape[at], count(tensor.shape, at + 1)};
}

// The batch axis; a scalar is a batch of one.
inline std::int64_t batch_size(const Tensor& tensor) { return tensor.shape.empty() ? 1 : tensor.shape[0]; }

// Throws Error("shape-mismatch") unless the blob has `expected` elements: a kernel is about to index it that far.
inline void require_count(const Tensor& tensor, std::int64_t expected, const std::string& layer) {
  if (tensor.count() == expected) return;
  throw Error("shape-mismatch", "layer '" + layer + "': blob '" + tensor.name + "' has " +
                                    std::to_string(tensor.count()) + " elements where " + std::to_string(expected) +
                                    " are needed");
}

}  // namespace olmp
