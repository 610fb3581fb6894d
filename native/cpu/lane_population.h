#pragma once

#include <memory>
#include <vector>

#include "cpu/lane_net.h"
#include "engine/mask_evaluator.h"

namespace olmp {

// Tries masks on a chain, a candidate to a thread. `parameters` are those of the chain's products, in order; `net` and
// `candidates` outlive the evaluator.
std::unique_ptr<MaskEvaluator> make_lane_population(const LaneNet& net,
                                                    const std::vector<std::vector<Parameter*>>& parameters,
                                                    const std::vector<LayerContext>& layers,
                                                    const MaskCandidates& candidates, int threads);

}  // namespace olmp
