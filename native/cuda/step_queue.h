#pragma once

#include <memory>

#include "cuda/device.h"
#include "engine/step_queue.h"

namespace olmp::cuda {

std::unique_ptr<StepQueue> make_step_queue(Device& device);

}  // namespace olmp::cuda
