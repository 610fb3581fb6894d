// Kernels over whole arrays of n floats, and the operations on parameters.
#pragma once

#include "cuda/launch.h"
#include "engine/update_rule.h"

namespace olmp::cuda {

void fill(const Stream& stream, float* values, float value, Index n);
void add(const Stream& stream, float* to, const float* from, Index n);
void multiply(const Stream& stream, float* out, const float* a, const float* b, Index n);
void scale(const Stream& stream, float* to, const float* from, float factor, Index n);       // to = factor * from
void add_scaled(const Stream& stream, float* to, const float* from, float factor, Index n);  // to += factor * from
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

// Numbers of a step that change from one to the next: read from device memory, so that a recorded step can be replayed.
struct StepNumbers {
  float rate = 0;
  int iteration = 0;
  int alive = 1;           // 0 after a loss that is no number: parameters are left alone
  float clipping = 1;      // factor of the gradients
  int slot = 0;            // the row that the step measures into
};
// rule.rate and rule.diff_scale are factors of `numbers` where these are given.
void update(const Stream& stream, const UpdateRule& rule, const StepNumbers* numbers, float* value, const float* diff,
            float* history, float* history2, Index n);

}  // namespace olmp::cuda
