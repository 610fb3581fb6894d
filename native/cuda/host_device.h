// The host in the place of a device, for tests.
#pragma once

#include <memory>

#include "cuda/device.h"

namespace olmp::cuda {

std::unique_ptr<Device> make_host_device(const EmulatedCudaOptions& options = {});

}  // namespace olmp::cuda
