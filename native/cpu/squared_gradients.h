// Sums over images of the squares of each image's own gradient: the diagonal of the Fisher information, but for its scale.
// At the kept places alone where a mask keeps few; elsewhere the sums then stay as they are.
#pragma once

#include <cstdint>

#include "cpu/convolution_geometry.h"
#include "engine/layer.h"

namespace olmp {

// X (rows, inputs), dY (rows, outputs), each row an image's. sums: (outputs, inputs), or (inputs, outputs) where transposed.
void add_squared_gradients(const float* x, const float* dy, std::int64_t rows, std::int64_t inputs, std::int64_t outputs,
                           bool transposed, const Parameter& weights, int threads, float* sums);
// sums (outputs) of the biases: of dY (images, outputs, points), summed over the points.
void add_squared_bias_gradients(const float* dy, std::int64_t images, std::int64_t outputs, std::int64_t points,
                                float* sums);
// X (images, channels, points), dY (images, outputs, output points); sums as the weights.
void add_squared_gradients(const ConvolutionGeometry& geometry, const float* x, const float* dy, const Parameter& weights,
                           int threads, float* sums);

}  // namespace olmp
