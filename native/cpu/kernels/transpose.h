#pragma once

#include <cstdint>

namespace olmp::OLMP_ISA {

void transpose_matrix(const float* from, std::int64_t from_stride, std::int64_t rows, std::int64_t columns, float* to,
                      std::int64_t to_stride);

}  // namespace olmp::OLMP_ISA
