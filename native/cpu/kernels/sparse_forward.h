#pragma once

#include "cpu/kernels/sparse.h"

namespace olmp::OLMP_ISA {

void sparse_forward(const SparseProduct& product, const ImageRange& images, const float* x, const float* bias, float* y);
void sparse_forward_max(const SparseProduct& product, const ImageRange& images, const float* x, const float* bias,
                        float* y, std::int8_t* chosen);

}  // namespace olmp::OLMP_ISA
