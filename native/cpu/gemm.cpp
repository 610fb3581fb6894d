#include "cpu/gemm.h"

#include <dnnl.h>

#include "engine/error.h"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace olmp {
namespace {

// Products of less than this many multiplications are done before another thread is awake.
constexpr std::int64_t kMinParallelProducts = 1 << 22;

#ifdef _OPENMP
int threads() { return omp_get_max_threads(); }
void set_threads(int count) { omp_set_num_threads(count); }
#else
int threads() { return 1; }
void set_threads(int) {}
#endif

// While it lives, a small product stays on the calling thread.
class AloneIf {
 public:
  explicit AloneIf(bool small) {
    if (small) set_threads(1);
  }
  ~AloneIf() { set_threads(threads_); }
  AloneIf(const AloneIf&) = delete;
  AloneIf& operator=(const AloneIf&) = delete;

 private:
  int threads_ = threads();
};

}  // namespace

void gemm(Transpose a_transposed, Transpose b_transposed, std::int64_t m, std::int64_t n, std::int64_t k, float alpha,
          const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float beta, float* c, std::int64_t ldc) {
  const AloneIf alone(m * n * k < kMinParallelProducts);
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
