// The gradient of a convolution's weights on blobs with the batch innermost, of whole outputs and input channels.
#pragma once

#include <cstdint>

#include "cpu/kernels/sparse.h"

namespace olmp {

// Some outputs of a convolution (of one group) and some of the weights each of them has.
struct LaneGradient {
  SparseProduct product;  // its plane and steps; no list
  const std::int32_t* outputs = nullptr;
  std::int64_t output_count = 0;
  const std::int32_t* offsets = nullptr;  // by weight: the input point that it meets for the first output point
  std::int64_t offset_count = 0;
};

struct LaneGradientKernels {
  // Floats of scratch for a plane of so many points.
  std::int64_t (*scratch)(std::int64_t points);
  // dw (outputs, offsets) = the gradient over the lanes. x (input points, lanes), dy (output points, lanes) of all outputs; with
  // `chosen`, dy is that of the maxima over windows: see SparseKernels.
  void (*weights)(const LaneGradient& gradient, int lanes, const float* x, const float* dy, const std::int8_t* chosen,
                  float* scratch, float* dw);
};

namespace avx2 {
const LaneGradientKernels& lane_gradient_kernels();
}
namespace avx512 {
const LaneGradientKernels& lane_gradient_kernels();
}

// The table of cpu_isa().
const LaneGradientKernels& cpu_lane_gradient_kernels();

}  // namespace olmp
