#include "cuda/kernels/arrays.h"

namespace olmp::cuda {

void fill(const Stream& stream, float* values, float value, Index n) {
  for_each(stream, n, [=] OLMP_KERNEL(Index i) { values[i] = value; });
}

void add(const Stream& stream, float* to, const float* from, Index n) {
  for_each(stream, n, [=] OLMP_KERNEL(Index i) { to[i] += from[i]; });
}

void multiply(const Stream& stream, float* out, const float* a, const float* b, Index n) {
  for_each(stream, n, [=] OLMP_KERNEL(Index i) { out[i] = a[i] * b[i]; });
}

void scale(const Stream& stream, float* to, const float* from, float factor, Index n) {
  for_each(stream, n, [=] OLMP_KERNEL(Index i) { to[i] = factor * from[i]; });
}

void add_scaled(const Stream& stream, float* to, const float* from, float factor, Index n) {
  for_each(stream, n, [=] OLMP_KERNEL(Index i) { to[i] += factor * from[i]; });
}

void square(const Stream& stream, float* to, const float* from, Index n) {
  for_each(stream, n, [=] OLMP_KERNEL(Index i) { to[i] = from[i] * from[i]; });
}

void add_squares(const Stream& stream, float* to, const float* from, Index rows, Index n) {
  for_each(stream, n, [=] OLMP_KERNEL(Index i) {
    float sum = to[i];
    for (Index row = 0; row < rows; ++row) sum += from[row * n + i] * from[row * n + i];
    to[i] = sum;
  });
}

void copy_rows(const Stream& stream, float* to, Index to_stride, const float* from, Index from_stride, Index rows,
               Index length) {
  if (to == from && to_stride == from_stride) return;  // aliased by the net
  for_each(stream, rows * length, [=] OLMP_KERNEL(Index i) {
    const Quotient at = divide(i, length);
    to[at.quotient * to_stride + at.remainder] = from[at.quotient * from_stride + at.remainder];
  });
}

void update_mask(const Stream& stream, float* mask, const float* values, float prune_at, float keep_above, Index n) {
  for_each(stream, n, [=] OLMP_KERNEL(Index i) {
    const float limit = mask[i] != 0.0F ? prune_at : keep_above;
    mask[i] = std::fabs(values[i]) > limit ? 1.0F : 0.0F;
  });
}

void moments(const Stream& stream, const float* values, Index n, Moments* parts) {
  for_each_team(stream, (n + kMomentsBlock - 1) / kMomentsBlock, kMomentsBlock, [=] OLMP_KERNEL(Team team, Index block) {
    const float* from = values + block * kMomentsBlock;
    const Index length = smaller(kMomentsBlock, n - block * kMomentsBlock);
    const double sum = team.sum(length, [=](Index i) { return std::fabs(static_cast<double>(from[i])); });
    const double squares = team.sum(length, [=](Index i) { return static_cast<double>(from[i]) * from[i]; });
    const double nonzero = team.sum(length, [=](Index i) { return from[i] != 0.0F ? 1.0 : 0.0; });
    if (team.first()) parts[block] = {sum, squares, nonzero};
  });
}

}  // namespace olmp::cuda
