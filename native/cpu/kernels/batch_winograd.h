// Winograd's F(2, 5) along the rows of a convolution with the batch innermost: two outputs of a five-wide kernel cost six
// products in place of ten. A row falls into tiles of two outputs, which read six points; tiles, weights and gradients are
// turned into six transforms each, and each transform is a convolution of the tiles' columns by a kernel one wide.
#pragma once

#include "cpu/kernels/batch_convolution.h"

namespace olmp {

// For kernels five wide with a stride and dilation of 1 along the rows. x is (transform, vector, tile, channel, padded row,
// image in vector).
namespace avx2 {
const BatchConvolutionKernels& batch_winograd_kernels();
}
namespace avx512 {
const BatchConvolutionKernels& batch_winograd_kernels();
}

}  // namespace olmp
