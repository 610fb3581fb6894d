#include "cpu/kernels/sparse.h"

#include "cpu/kernels/sparse_backward.h"
#include "cpu/kernels/sparse_forward.h"
#include "cpu/kernels/vector.h"

namespace olmp::OLMP_ISA {

const SparseKernels& sparse_kernels() {
  static const SparseKernels table{Vector::kLanes,       sparse_forward,          sparse_forward_max,  sparse_clear,
                                   sparse_backward_data, sparse_backward_weights, sparse_backward_bias,
                                   sparse_squared_weights, sparse_squared_bias};
  return table;
}

}  // namespace olmp::OLMP_ISA
