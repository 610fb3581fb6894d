#pragma once

#include <cstdint>

namespace olmp::OLMP_ISA {

bool max_pool_row(const float* x, std::int32_t first, int width, int kernel_h, int kernel_w, int stride, int outputs,
                  float* y, std::int32_t* chosen);

}  // namespace olmp::OLMP_ISA
