#pragma once

#include <cstdint>

namespace olmp::OLMP_ISA {

bool max_pool_row(const float* x, std::int32_t first, int width, int kernel_h, int kernel_w, int stride, int outputs,
                  float* y, std::int32_t* chosen);
void max_pool_2x2(const float* x, int height, int width, float* y, std::int32_t* chosen);
void max_pool_2x2_gradient(const float* dy, const std::int32_t* chosen, int height, int width, float* dx);

}  // namespace olmp::OLMP_ISA
