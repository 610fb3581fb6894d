#include "cuda/kernels/population.h"

#include "cuda/kernels/blocks.h"

namespace olmp::cuda {
namespace {

// Whether element i is kept after candidates [first, last].
OLMP_KERNEL inline bool kept_after(const CandidateTarget& of, const CandidateMasks& masks, Index first, Index last, Index i) {
  bool kept = of.mask == nullptr || of.mask[i] != 0.0F;
  if (of.layer < 0) return kept;
  const float magnitude = std::fabs(of.value[i]);
  for (Index c = first; c <= last; ++c) kept = next_mask(kept, magnitude, masks.limits[c * masks.layers + of.layer]);
  return kept;
}

}  // namespace

// Whole numbers are added exactly, in whatever order.
void mask_candidates(const Stream& stream, const CandidateTargets& targets, const CandidateMasks& masks,
                     const RowRing& ring, const KeptColumns& columns) {
  for_each_team(stream, targets.blocks, kUpdateBlock, [=] OLMP_KERNEL(Team team, Index block) {
    const CandidateTarget of = target_of(targets.list, targets.count, block);
    const Index first = (block - of.first_block) * kUpdateBlock;
    const Index length = smaller(kUpdateBlock, of.count - first);
    double* row = ring.rows + ring.numbers->slot * ring.columns;
    for (Index c = 0; c < masks.candidates; ++c) {
      float* to = of.masked + c * of.count;
      const double kept = team.sum(length, [=](Index k) {
        const Index i = first + k;
        const bool keeps = kept_after(of, masks, masks.sequential ? 0 : c, c, i);
        to[i] = keeps ? of.value[i] : 0.0F;
        return keeps ? 1.0 : 0.0;
      });
      if (!team.first() || of.layer < 0) continue;
      double* count = row + columns.first + c * columns.step;
#ifdef __CUDA_ARCH__
      atomicAdd(count, kept);
#else
      *count += kept;
#endif
    }
  });
}

void keep_last_candidate(const Stream& stream, const CandidateTargets& targets, const CandidateMasks& masks) {
  for_each_team(stream, targets.blocks, kUpdateBlock, [=] OLMP_KERNEL(Team team, Index block) {
    const CandidateTarget of = target_of(targets.list, targets.count, block);
    const Index first = (block - of.first_block) * kUpdateBlock;
    team.each(smaller(kUpdateBlock, of.count - first), [=](Index k) {
      const Index i = first + k;
      const bool keeps = kept_after(of, masks, 0, masks.candidates - 1, i);
      of.mask[i] = keeps ? 1.0F : 0.0F;
      of.masked[i] = keeps ? of.value[i] : 0.0F;
    });
  });
}

void keep_ranked(const Stream& stream, const CandidateTargets& targets, const std::int32_t* counts, Index candidates,
                 Index layers) {
  for_each_team(stream, targets.blocks, kUpdateBlock, [=] OLMP_KERNEL(Team team, Index block) {
    const CandidateTarget of = target_of(targets.list, targets.count, block);
    const Index first = (block - of.first_block) * kUpdateBlock;
    team.each(smaller(kUpdateBlock, of.count - first), [=](Index k) {
      const Index i = first + k;
      const float value = of.value[i];
      const std::int32_t rank = of.ranks[i];
      for (Index c = 0; c < candidates; ++c) {
        of.masked[c * of.count + i] = rank < counts[c * layers + of.layer] ? value : 0.0F;
      }
    });
  });
}

}  // namespace olmp::cuda
