// Row-major single-precision matrix products by oneDNN.
#pragma once

#include <cstdint>

namespace olmp {

enum class Transpose { kNo, kYes };

// C (m, n) = alpha * op(A) (m, k) * op(B) (k, n) + beta * C. lda, ldb, ldc are the row strides of the matrices as stored.
// Inside an OpenMP region it stays on the calling thread.
void gemm(Transpose a_transposed, Transpose b_transposed, std::int64_t m, std::int64_t n, std::int64_t k, float alpha,
          const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float beta, float* c, std::int64_t ldc);

}  // namespace olmp
