// The solvers' updates: of one array, and of all parameters of a net by one kernel.
#pragma once

#include "cuda/kernels/blocks.h"
#include "engine/update_rule.h"

namespace olmp::cuda {

void update(const Stream& stream, const UpdateRule& rule, float* value, const float* diff, float* history,
            float* history2, Index n);

// Numbers of a step that change from one to the next: read from device memory, so that a recorded step can be replayed.
struct StepNumbers {
  float rate = 0;
  int iteration = 0;
  int alive = 1;           // 0 after a loss that is no number: parameters are left alone
  float clipping = 1;      // factor of the gradients
  int slot = 0;            // the row that the step measures into
};

// A parameter among those that one kernel updates.
struct UpdateTarget {
  float* value;
  const float* diff;
  float* history;
  float* history2;   // null where the rule has none
  const float* mask; // null: not masked
  float* masked;     // receives value * mask
  Index count;
  Index first_block; // among all targets' blocks of kUpdateBlock elements
  float rate_factor;
  float decay;
  int confined;      // 1: what the mask prunes stays as it is, and its gradient counts for nothing
  int unused;
};

// Targets (count) in device memory, `blocks` in all; rule.rate and rule.decay are the targets', rule.diff_scale a factor.
void update_all(const Stream& stream, const UpdateRule& rule, const StepNumbers* numbers, const UpdateTarget* targets,
                Index count, Index blocks);
// parts (blocks): sums of the squares of the gradients.
void gradient_squares(const Stream& stream, const UpdateTarget* targets, Index count, Index blocks, double* parts);
// SGDSolver::ClipGradients, from these.
void set_clipping(const Stream& stream, StepNumbers* numbers, const double* parts, Index blocks, float limit);

}  // namespace olmp::cuda
