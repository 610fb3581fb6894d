// The maxima that a convolution with the batch innermost takes along: see BatchConvolutionKernels.
#pragma once

#include "cpu/kernels/batch_convolution.h"

namespace olmp::OLMP_ISA {

void maxima(const BatchConvolution& c, int vectors, const float* y, std::int64_t stride, float* maxima,
            std::int8_t* chosen);
void maxima_gradient(const BatchConvolution& c, int vectors, const float* dmaxima, const std::int8_t* chosen, float* dy);

}  // namespace olmp::OLMP_ISA
