// The host in the place of a device, for tests.
#pragma once

#include <memory>

#include "cuda/device.h"

namespace olmp::cuda {

std::unique_ptr<Device> make_host_device(const EmulatedCudaOptions& options = {});

// A device that gives no memory and does nothing, but tells what it would have given.
std::unique_ptr<Device> make_measuring_device();

}  // namespace olmp::cuda
