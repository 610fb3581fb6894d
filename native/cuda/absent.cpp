// The face of the CUDA backend in a build without CUDA.
#include "cuda/cuda.h"
#include "cuda/device.h"
#include "engine/error.h"

namespace olmp {
namespace {

constexpr const char* kReason =
    "this build of the engine has no CUDA support: nvcc was not found when it was built. Install the CUDA toolkit and "
    "build again";

}  // namespace

CudaInfo cuda_info() { return {false, kReason, {}, {}}; }

std::optional<DeviceMemory> cuda_memory() { return std::nullopt; }

std::unique_ptr<cuda::Device> cuda::make_cuda_device(const CudaOptions&) { throw Error("no-cuda", kReason); }

}  // namespace olmp
