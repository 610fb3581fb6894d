#include "cpu/gemm.h"

#include <dnnl.h>

#include "engine/error.h"

namespace olmp {

void gemm(Transpose a_transposed, Transpose b_transposed, std::int64_t m, std::int64_t n, std::int64_t k, float alpha,
          const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float beta, float* c, std::int64_t ldc) {
  const dnnl_status_t status =
      dnnl_sgemm(a_transposed == Transpose::kYes ? 'T' : 'N', b_transposed == Transpose::kYes ? 'T' : 'N', m, n, k,
                 alpha, a, lda, b, ldb, beta, c, ldc);
  if (status != dnnl_success) {
    throw Error("engine-failure", "oneDNN could not multiply matrices of sizes " + std::to_string(m) + ", " +
                                      std::to_string(n) + ", " + std::to_string(k) + " (status " +
                                      std::to_string(static_cast<int>(status)) + ").");
  }
}

}  // namespace olmp
