#include "cpu/kernels/kernels.h"

#include "cpu/kernels/elementwise.h"
#include "cpu/kernels/max_pool.h"
#include "cpu/kernels/transpose.h"

namespace olmp::OLMP_ISA {

const Kernels& kernels() {
  static const Kernels table{update, abs_moments, sum, sum_of_squares, update_mask, remask, keep_masked, nonzero, multiply, fill, negative_power, max_pool_row, max_pool_2x2, max_pool_2x2_gradient, add, transpose_matrix};
  return table;
}

}  // namespace olmp::OLMP_ISA
