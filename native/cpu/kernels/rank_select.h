// Picking out of a list of weights those that a mask keeps, the mask given as spans of a ranking.
#pragma once

#include <cstdint>

#include "engine/ranking.h"

namespace olmp {

// Weights in the order of a SparseProduct's list. key = 2 rank + 1, and 2 rank of one that the mask at the beginning keeps.
struct RankedEntries {
  std::int32_t* key = nullptr;
  std::int32_t* offset = nullptr;
  float* value = nullptr;
};

struct RankKernels {
  // Copies those of the n entries that lie in the spans, in order, and returns their number. `to` has room for a vector
  // (16 elements) more than that; to.key may be null.
  std::int64_t (*select)(const RankSpan* spans, std::int64_t count, const RankedEntries& from, std::int64_t n,
                         const RankedEntries& to);
};

namespace avx2 {
const RankKernels& rank_kernels();
}
namespace avx512 {
const RankKernels& rank_kernels();
}

// The table of cpu_isa().
const RankKernels& cpu_rank_kernels();

}  // namespace olmp
