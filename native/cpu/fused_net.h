#pragma once

#include <memory>
#include <vector>

#include "engine/fused_net.h"

namespace olmp {

// `learns`: the net has a backward pass. Null where the net is no chain that LaneNet knows.
std::unique_ptr<FusedNet> make_cpu_fused_net(const std::vector<LayerContext>& layers, int threads, bool learns);

}  // namespace olmp
