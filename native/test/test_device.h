// Tests that run on any backend: OLMP_TEST_DEVICE=cpu (the default), cuda-emulated (the CUDA backend's kernels, run by the
// host), cuda-emulated-large (the same, with every convolution as if it were a large one) or cuda. Their main is test_main.h's.
#pragma once

#include <cstdlib>
#include <memory>
#include <string>

#include "cuda/cuda.h"
#include "engine/backend.h"
#include "engine/error.h"

namespace olmp::test {

inline std::string test_device() {
  const char* device = std::getenv("OLMP_TEST_DEVICE");
  return device == nullptr || *device == '\0' ? "cpu" : device;
}

inline std::unique_ptr<Backend> make_test_backend(int threads = 1) {
  const std::string device = test_device();
  if (device == "cuda") return make_cuda_backend();
  if (device == "cuda-emulated") return make_emulated_cuda_backend();
  if (device == "cuda-emulated-large") {
    EmulatedCudaOptions options;
    options.small_convolutions = false;
    return make_emulated_cuda_backend(options);
  }
  if (device != "cpu") {
    throw Error("bad-argument", "OLMP_TEST_DEVICE must be cpu, cuda-emulated, cuda-emulated-large or cuda");
  }
  return make_cpu_backend(threads);
}

// For tests that compare a device with the CPU: CUDA where OLMP_TEST_DEVICE says so, else its kernels run by the host, which
// alone takes other options than those of the device.
inline bool on_gpu() { return test_device() == "cuda"; }
inline std::unique_ptr<Backend> make_device_backend(const EmulatedCudaOptions& options = {}) {
  return on_gpu() ? make_cuda_backend(options.device) : make_emulated_cuda_backend(options);
}

}  // namespace olmp::test
