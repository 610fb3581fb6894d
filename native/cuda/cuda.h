// The face of the CUDA backend. The same functions are there in a build without CUDA and say so.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/backend.h"

namespace olmp {

struct CudaInfo {
  struct Device {
    std::string name;
    std::int64_t free_bytes = 0;  // now; of the first device alone, which is the one used
    std::int64_t total_bytes = 0;
  };
  bool available = false;
  std::string reason;  // why not, and what to do; empty where available
  std::string note;    // what is missing that it does without, and what to do; empty where nothing is
  std::vector<Device> devices;
};

CudaInfo cuda_info();

// Of the first device, now; nothing where there is none that can be used.
std::optional<DeviceMemory> cuda_memory();

struct CudaOptions {
  // Products and convolutions may round their operands to TF32, which tensor cores multiply several times faster.
  bool tf32 = false;
};

// On the first device. Throws Error("no-cuda") with the reason, Error("out-of-gpu-memory").
std::unique_ptr<Backend> make_cuda_backend(const CudaOptions& options = {});

// The same layers and kernels, run by the host one element after another: what tests use where there is no device.
struct EmulatedCudaOptions {
  CudaOptions device;
  std::shared_ptr<const std::int64_t> memory_bytes;  // what the device has, which may change; null: without limit
  bool small_convolutions = true;  // false: all of them go the way of large ones
  int failing_allocation = 0;  // from this one on, counted from 1, there is no memory; 0: never
};
std::unique_ptr<Backend> make_emulated_cuda_backend(const EmulatedCudaOptions& options = {});

// The same layers on a device that only counts the memory it is asked for: nothing is taken, nothing computed.
std::unique_ptr<Backend> make_measuring_cuda_backend();

}  // namespace olmp
