// Kernels over several arrays at once: each team takes a block of one of them.
#pragma once

#include "cuda/launch.h"

namespace olmp::cuda {

inline constexpr Index kUpdateBlock = 1024;
inline Index update_blocks(Index count) { return (count + kUpdateBlock - 1) / kUpdateBlock; }

// Of targets that come one after the other, the one whose blocks hold `block`.
template <class Target>
OLMP_KERNEL const Target& target_of(const Target* targets, Index count, Index block) {
  Index first = 0;
  Index last = count - 1;
  while (first < last) {
    const Index middle = (first + last + 1) / 2;
    if (targets[middle].first_block <= block) {
      first = middle;
    } else {
      last = middle - 1;
    }
  }
  return targets[first];
}

}  // namespace olmp::cuda
