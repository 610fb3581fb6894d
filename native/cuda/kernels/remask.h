// Masks of the layers drawn for a step.
#pragma once

#include "cuda/kernels/blocks.h"
#include "cuda/kernels/mask_rule.h"

namespace olmp::cuda {

// Bit l % 32 of word l / 32: layer l is drawn.
inline constexpr int kDrawnWords = 8;
struct DrawnLayers {
  std::uint32_t words[kDrawnWords];
  OLMP_KERNEL bool has(int layer) const { return (words[layer / 32] >> (layer % 32) & 1U) != 0; }
};

// A parameter among those that may be masked anew.
struct RemaskTarget {
  const float* value;
  float* mask;
  float* masked;        // becomes value * mask
  const float* element; // the first of its layer's masks
  Index count;
  Index first_block;    // among all targets' blocks of kUpdateBlock elements
  int layer;
  int unused;
};

// limits (layers, 2): where the first element of the layer's masks is 0, and where it is 1. elements (count of targets): work
// space.
void remask(const Stream& stream, const RemaskTarget* targets, Index count, Index blocks, const DrawnLayers* drawn,
            const LayerLimits* limits, float* elements);

}  // namespace olmp::cuda
