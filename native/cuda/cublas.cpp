#include "cuda/cublas.h"

#include "engine/error.h"

namespace olmp::cuda {
namespace {

#ifdef _WIN32
const std::vector<std::string> kNames{"cublas64_13.dll", "cublas64_12.dll", "cublas64_11.dll"};
#else
const std::vector<std::string> kNames{"libcublas.so.13", "libcublas.so.12", "libcublas.so.11"};
#endif

int row_of(Index given, Index without_gaps) { return static_cast<int>(given != 0 ? given : without_gaps); }

}  // namespace

Cublas::Cublas()
    : library(kNames,
              "Install cuBLAS: Debian and Ubuntu 'apt install libcublas12', NVIDIA's repository 'apt install "
              "libcublas-13-0', or 'pip install nvidia-cublas-cu12' with its lib folder in LD_LIBRARY_PATH.") {
  library.load(create, "cublasCreate_v2");
  library.load(destroy, "cublasDestroy_v2");
  library.load(set_stream, "cublasSetStream_v2");
  library.load(set_workspace, "cublasSetWorkspace_v2");
  library.load(set_math_mode, "cublasSetMathMode");
  library.load(sgemm, "cublasSgemm_v2");
  library.load(sgemm_strided_batched, "cublasSgemmStridedBatched");
}

CublasContext::CublasContext(void* stream, void* workspace, std::size_t workspace_bytes, bool tf32) {
  const bool ready = library_.create(&handle_) == 0 && library_.set_stream(handle_, stream) == 0 &&
                     library_.set_workspace(handle_, workspace, workspace_bytes) == 0 &&
                     library_.set_math_mode(handle_, tf32 ? Cublas::kTf32Math : Cublas::kDefaultMath) == 0;
  if (ready) return;
  if (handle_ != nullptr) library_.destroy(handle_);
  throw Error("no-cuda", "cuBLAS (" + library_.library.name() + ") does not start on this GPU and driver.");
}

CublasContext::~CublasContext() { library_.destroy(handle_); }

// Matrices of rows are, column by column, the transposed ones: c^T = b^T a^T.
void CublasContext::multiply(const Product& p, const float* a, const float* b, float* c) {
  const float one = 1;
  const int transpose_a = p.transpose_a ? Cublas::kTransposed : Cublas::kPlain;
  const int transpose_b = p.transpose_b ? Cublas::kTransposed : Cublas::kPlain;
  const auto m = static_cast<int>(p.m);
  const auto n = static_cast<int>(p.n);
  const auto k = static_cast<int>(p.k);
  const int row_a = row_of(p.row_a, p.transpose_a ? p.m : p.k);
  const int row_b = row_of(p.row_b, p.transpose_b ? p.k : p.n);
  const int row_c = row_of(p.row_c, p.n);
  // A single product may be split along k, which those in a batch are not.
  const int status =
      p.batch == 1 ? library_.sgemm(handle_, transpose_b, transpose_a, n, m, k, &one, b, row_b, a, row_a, &p.beta, c, row_c)
                   : library_.sgemm_strided_batched(handle_, transpose_b, transpose_a, n, m, k, &one, b, row_b, p.stride_b,
                                                    a, row_a, p.stride_a, &p.beta, c, row_c, p.stride_c,
                                                    static_cast<int>(p.batch));
  if (status != 0) throw Error("cuda", "cuBLAS failed on a matrix product (status " + std::to_string(status) + ")");
}

}  // namespace olmp::cuda
