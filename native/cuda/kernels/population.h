// Masks of several candidates at once.
#pragma once

#include <cstdint>

#include "cuda/kernels/mask_rule.h"
#include "cuda/kernels/step.h"

namespace olmp::cuda {

// A parameter among those whose masks differ.
struct CandidateTarget {
  const float* value;
  float* mask;                 // those they start from; null: all kept
  const std::int32_t* ranks;   // for keep_ranked
  float* masked;               // (candidates, count)
  Index count;
  Index first_block;           // among all targets' blocks of kUpdateBlock elements
  int layer;                   // among the layers that have limits; -1: its masks stay
  int unused;
};
struct CandidateTargets {
  const CandidateTarget* list = nullptr;
  Index count = 0;
  Index blocks = 0;
};

// limits (candidates, layers); sequential: each candidate starts from the masks of the one before.
struct CandidateMasks {
  const LayerLimits* limits = nullptr;
  Index candidates = 0;
  Index layers = 0;
  bool sequential = false;
};

// Where candidate c's kept parameters are counted: column first + c step of the row.
struct KeptColumns {
  Index first = 0;
  Index step = 0;
};
void mask_candidates(const Stream& stream, const CandidateTargets& targets, const CandidateMasks& masks,
                     const RowRing& ring, const KeptColumns& kept);
// The targets' masks become those of the last candidate of a sequence, and masked (count) value times them.
void keep_last_candidate(const Stream& stream, const CandidateTargets& targets, const CandidateMasks& masks);
// Candidate c keeps of a target what has a rank below counts[c, layer].
void keep_ranked(const Stream& stream, const CandidateTargets& targets, const std::int32_t* counts, Index candidates,
                 Index layers);

}  // namespace olmp::cuda
