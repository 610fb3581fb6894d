// The gradients of a convolution's weights and bias with the batch innermost: see BatchConvolutionKernels.
#pragma once

#include "cpu/kernels/batch_convolution.h"

namespace olmp::OLMP_ISA {

void backward_weights(const BatchConvolution& c, int vectors, const float* x, const float* dy, float beta,
                      float* scratch, float* dw);
void backward_bias(const BatchConvolution& c, int vectors, const float* dy, float* db);

}  // namespace olmp::OLMP_ISA
