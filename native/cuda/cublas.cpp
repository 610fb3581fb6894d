#include "cuda/cublas.h"

namespace olmp::cuda {
namespace {

#ifdef _WIN32
const std::vector<std::string> kNames{"cublas64_13.dll", "cublas64_12.dll", "cublas64_11.dll"};
#else
const std::vector<std::string> kNames{"libcublas.so.13", "libcublas.so.12", "libcublas.so.11"};
#endif

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
  library.load(sgemm_strided_batched, "cublasSgemmStridedBatched");
}

}  // namespace olmp::cuda
