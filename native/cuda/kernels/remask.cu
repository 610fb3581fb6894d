#include "cuda/kernels/remask.h"

namespace olmp::cuda {

// The first elements are read before any is changed: they decide for their whole layer.
void remask(const Stream& stream, const RemaskTarget* targets, Index count, Index blocks, const DrawnLayers* drawn,
            const LayerLimits* limits, float* elements) {
  for_each(stream, count, [=] OLMP_KERNEL(Index t) { elements[t] = *targets[t].element; });
  for_each_team(stream, blocks, kUpdateBlock, [=] OLMP_KERNEL(Team team, Index block) {
    const RemaskTarget& of = target_of(targets, count, block);
    if (!drawn->has(of.layer)) return;
    const LayerLimits own = limits[2 * of.layer + (elements[&of - targets] != 0.0F ? 1 : 0)];
    if (own.same != 0) return;
    const Index first = (block - of.first_block) * kUpdateBlock;
    const RemaskTarget to = of;
    team.each(smaller(kUpdateBlock, to.count - first), [=](Index k) {
      const Index i = first + k;
      const float value = to.value[i];
      const float mask = next_mask(to.mask[i] != 0.0F, std::fabs(value), own) ? 1.0F : 0.0F;
      to.mask[i] = mask;
      to.masked[i] = value * mask;
    });
  });
}

}  // namespace olmp::cuda
