// The face of the CUDA backend. The same functions are there in a build without CUDA and say so.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/backend.h"

namespace olmp {

struct CudaInfo {
  struct Device {
    std::string name;
    std::int64_t total_bytes = 0;
  };
  bool available = false;
  std::string reason;  // why not, and what to do; empty where available
  std::vector<Device> devices;
};

CudaInfo cuda_info();

// On the first device. Throws Error("no-cuda") with the reason.
std::unique_ptr<Backend> make_cuda_backend();

// The same layers and kernels, run by the host one element after another: what tests use where there is no device.
std::unique_ptr<Backend> make_emulated_cuda_backend();

}  // namespace olmp
