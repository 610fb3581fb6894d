// Kernels over whole arrays of n floats.
#pragma once

#include "cuda/launch.h"

namespace olmp::cuda {

void fill(const Stream& stream, float* values, float value, Index n);
void add(const Stream& stream, float* to, const float* from, Index n);
void multiply(const Stream& stream, float* out, const float* a, const float* b, Index n);
void scale(const Stream& stream, float* to, const float* from, float factor, Index n);       // to = factor * from
void add_scaled(const Stream& stream, float* to, const float* from, float factor, Index n);  // to += factor * from
void square(const Stream& stream, float* to, const float* from, Index n);
// to[i] += the sum over the rows of the squares of from (rows, n).
void add_squares(const Stream& stream, float* to, const float* from, Index rows, Index n);
// Rows of `length` floats, `to_stride` and `from_stride` apart.
void copy_rows(const Stream& stream, float* to, Index to_stride, const float* from, Index from_stride, Index rows,
               Index length);

// Kept and |w| <= prune_at -> 0; pruned and |w| > keep_above -> 1.
void update_mask(const Stream& stream, float* mask, const float* values, float prune_at, float keep_above, Index n);

struct Moments {
  double sum;             // of |w|
  double sum_of_squares;
  double nonzero;
};
inline constexpr Index kMomentsBlock = 16384;
// One part for every kMomentsBlock values.
void moments(const Stream& stream, const float* values, Index n, Moments* parts);

}  // namespace olmp::cuda
