// What is said where a device has no memory left.
#pragma once

#include <string>

#include "engine/backend.h"
#include "engine/error.h"

namespace olmp::cuda {

// Error("out-of-gpu-memory") naming what was to be allocated, how many bytes of it (0: not known), and what is there.
inline Error out_of_memory(std::int64_t bytes, const std::string& what, const DeviceMemory& memory) {
  const auto megabytes = [](std::int64_t size) { return std::to_string((size + 999999) / 1000000) + " MB"; };
  const std::string needed = bytes > 0 ? megabytes(bytes) + " more are needed, " : std::string();
  return Error("out-of-gpu-memory", "Not enough GPU memory for " + what + ": " + needed + megabytes(memory.free_bytes) +
                                        " of " + megabytes(memory.total_bytes) +
                                        " are free. Use a smaller batch, close other programs that use the GPU, or "
                                        "choose the device 'cpu'.");
}

}  // namespace olmp::cuda
