// The few entry points of cuBLAS that the backend needs, by their documented signatures. The library is looked for when a
// device is opened.
#pragma once

#include <cstddef>

#include "cuda/device.h"
#include "cuda/library.h"

namespace olmp::cuda {

struct Cublas {
  using Handle = void*;
  enum Operation { kPlain = 0, kTransposed = 1 };  // CUBLAS_OP_N, CUBLAS_OP_T
  // CUBLAS_DEFAULT_MATH: full float precision. CUBLAS_TF32_TENSOR_OP_MATH: operands may be rounded to TF32.
  enum Math { kDefaultMath = 0, kTf32Math = 3 };

  // Throws Error("no-cuda") saying what to install.
  Cublas();

  Library library;
  int (*create)(Handle*) = nullptr;
  int (*destroy)(Handle) = nullptr;
  int (*set_stream)(Handle, void* stream) = nullptr;
  int (*set_workspace)(Handle, void*, std::size_t bytes) = nullptr;
  int (*set_math_mode)(Handle, int) = nullptr;
  int (*sgemm)(Handle, int transpose_a, int transpose_b, int m, int n, int k, const float* alpha, const float* a, int lda,
               const float* b, int ldb, const float* beta, float* c, int ldc) = nullptr;
  int (*sgemm_strided_batched)(Handle, int transpose_a, int transpose_b, int m, int n, int k, const float* alpha,
                               const float* a, int lda, long long stride_a, const float* b, int ldb,
                               long long stride_b, const float* beta, float* c, int ldc, long long stride_c,
                               int batch) = nullptr;
};

// cuBLAS and its handle on a stream.
class CublasContext {
 public:
  // `workspace` outlives it: a handle that took its memory itself would do so while a step is recorded. Throws
  // Error("no-cuda").
  CublasContext(void* stream, void* workspace, std::size_t workspace_bytes, bool tf32);
  ~CublasContext();
  CublasContext(const CublasContext&) = delete;
  CublasContext& operator=(const CublasContext&) = delete;

  void multiply(const Product& product, const float* a, const float* b, float* c);

 private:
  Cublas library_;
  Cublas::Handle handle_ = nullptr;
};

}  // namespace olmp::cuda
