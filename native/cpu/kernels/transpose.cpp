#include "cpu/kernels/transpose.h"

#include <algorithm>

#include "cpu/kernels/vector.h"

namespace olmp::OLMP_ISA {

void transpose_matrix(const float* from, std::int64_t from_stride, std::int64_t rows, std::int64_t columns, float* to,
                      std::int64_t to_stride) {
  constexpr int kLanes = Vector::kLanes;
  for (std::int64_t column = 0; column < columns; column += kLanes) {
    const int width = static_cast<int>(std::min<std::int64_t>(kLanes, columns - column));
    for (std::int64_t row = 0; row < rows; row += kLanes) {
      const int height = static_cast<int>(std::min<std::int64_t>(kLanes, rows - row));
      Vector block[kLanes];
      for (int i = 0; i < kLanes; ++i) {
        block[i] = i < height ? Vector::load(from + (row + i) * from_stride + column, width) : Vector::zero();
      }
      transpose(block);
      for (int i = 0; i < width; ++i) block[i].store(to + (column + i) * to_stride + row, height);
    }
  }
}

}  // namespace olmp::OLMP_ISA
