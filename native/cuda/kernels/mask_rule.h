// When a threshold masks a weight (Guo, Yao, Chen 2016).
#pragma once

#include <cstdint>

#include "cuda/launch.h"

namespace olmp::cuda {

// Kept and |w| <= prune_at -> pruned; pruned and |w| > keep_above -> kept; unless the masks stay as they are.
struct LayerLimits {
  float prune_at;
  float keep_above;
  std::int32_t same;
};

OLMP_KERNEL inline bool next_mask(bool kept, float magnitude, const LayerLimits& limits) {
  if (limits.same != 0) return kept;
  return magnitude > (kept ? limits.prune_at : limits.keep_above);
}

}  // namespace olmp::cuda
