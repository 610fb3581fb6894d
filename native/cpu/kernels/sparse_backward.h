#pragma once

#include "cpu/kernels/sparse.h"

namespace olmp::OLMP_ISA {

void sparse_clear(std::int64_t points, const ImageRange& images, float* dx);
void sparse_backward_data(const SparseProduct& product, const ImageRange& images, const float* dy,
                          const std::int8_t* chosen, float* dx);
void sparse_backward_weights(const SparseProduct& product, const ImageRange& images, const float* x, const float* dy,
                             const std::int8_t* chosen, float* dw);
void sparse_backward_bias(const std::int32_t* outputs, std::int64_t count, std::int64_t points, const ImageRange& images,
                          const float* dy, float* db);
void sparse_squared_weights(const SparseProduct& product, const ImageRange& images, const float* x, const float* dy,
                            const std::int8_t* chosen, float* dw);
void sparse_squared_bias(const std::int32_t* outputs, std::int64_t count, std::int64_t points, const ImageRange& images,
                         const float* dy, float* db);

}  // namespace olmp::OLMP_ISA
