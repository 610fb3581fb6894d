#include "cuda/kernels/step.h"

namespace olmp::cuda {

void set_drawn(const Stream& stream, DrawnLayers* drawn, const DrawnLayers& layers) {
  for_each(stream, kDrawnWords, [=] OLMP_KERNEL(Index word) { drawn->words[word] = layers.words[word]; });
}

void begin_row(const Stream& stream, const RowRing& ring, float rate, int iteration, int slot, bool revive) {
  for_each(stream, ring.columns, [=] OLMP_KERNEL(Index column) {
    ring.rows[slot * ring.columns + column] = 0;
    if (column != 0) return;
    ring.numbers->rate = rate;
    ring.numbers->iteration = iteration;
    ring.numbers->slot = slot;
    ring.numbers->clipping = 1;
    if (revive) ring.numbers->alive = 1;
  });
}

void measure(const Stream& stream, const RowRing& ring, const DeviceMeasure* measures, Index count) {
  for_each_team(stream, ring.columns, 256, [=] OLMP_KERNEL(Team team, Index column) {
    double total = 0;
    for (Index m = 0; m < count; ++m) {
      const DeviceMeasure what = measures[m];
      if (what.column != column) continue;
      total += what.factor * team.sum(what.count, [=](Index i) { return what.values[i]; });
    }
    if (!team.first()) return;
    ring.rows[ring.numbers->slot * ring.columns + column] += total;
    if (column == ring.loss_column && !std::isfinite(total)) ring.numbers->alive = 0;
  });
}

// Whole numbers are added exactly, in whatever order.
void count_kept(const Stream& stream, const RowRing& ring, const float* mask, Index n, Index column) {
  for_each_team(stream, (n + kMomentsBlock - 1) / kMomentsBlock, kMomentsBlock, [=] OLMP_KERNEL(Team team, Index block) {
    const float* from = mask + block * kMomentsBlock;
    const double kept = team.sum(smaller(kMomentsBlock, n - block * kMomentsBlock),
                                 [=](Index i) { return from[i] != 0.0F ? 1.0 : 0.0; });
    if (!team.first()) return;
    double* to = ring.rows + ring.numbers->slot * ring.columns + column;
#ifdef __CUDA_ARCH__
    atomicAdd(to, kept);
#else
    *to += kept;
#endif
  });
}

}  // namespace olmp::cuda
