// Softmax, accuracy and losses. A position is an (outer, inner) pair of a blob (outer, classes, inner).
#pragma once

#include "cuda/kernels/channel.h"
#include "cuda/launch.h"

namespace olmp::cuda {

struct Labels {
  const float* values = nullptr;  // (positions)
  Index period = 0;               // where several candidates share the labels: how many there are; else 0
  bool ignores = false;
  int ignored = 0;
  FaultPlace place;
};

// What a sum over positions is divided by: `fixed`, or where that is 0 the number of valid positions, at least 1.
struct Divisor {
  float fixed = 0;
};

struct LossPart {
  double loss;
  double valid;
};

// Where a loss goes: for each candidate top = factor * sum / divisor, over its share of the positions. `divisor` is kept for
// backward; parts, one per position, and the count of teams `arrived`, 0 before, are work space.
struct LossResult {
  LossPart* parts = nullptr;
  unsigned* arrived = nullptr;
  float* top = nullptr;
  float* divisor = nullptr;
  Divisor rule;
  float factor = 1;
  Index candidates = 1;
};

using ClassView = Channels;  // outer, classes, inner

void softmax_forward(const Stream& stream, const ClassView& view, const float* x, float* y);
void softmax_backward(const Stream& stream, const ClassView& view, const float* y, const float* dy, float* dx);

// With a teacher's logits t (positions, classes) a gradient's slope softmax(x) - y becomes (1 - weight) (softmax(x) - y) +
// weight temperature (softmax(x / temperature) - softmax(t / temperature)) (Hinton, Vinyals, Dean 2015).
struct Distillation {
  const float* logits = nullptr;  // t
  float weight = 0;
  float temperature = 1;
};
// The gradient by x, for view.inner 1: dx = slope * scale; rows without a label are 0. dx null: none.
struct LossGradient {
  float* dx = nullptr;
  float scale = 0;
  Distillation teacher;
};
// probabilities: softmax of x, written for backward.
void softmax_loss(const Stream& stream, const ClassView& view, const float* x, const Labels& labels,
                  const LossResult& result, float* probabilities, const LossGradient& gradient);
void softmax_loss_gradient(const Stream& stream, const ClassView& view, const float* probabilities,
                           const Labels& labels, const float* weight, const float* divisor, float* dx);
// The same with a teacher, for view.inner 1.
void distilled_loss_gradient(const Stream& stream, const ClassView& view, const float* x, const float* probabilities,
                             const Distillation& teacher, const Labels& labels, const float* weight,
                             const float* divisor, float* dx);

// labels[row]: the class that uniforms[row] in [0, 1) picks by the softmax of the row of logits (rows, classes).
void draw_classes(const Stream& stream, const float* logits, Index rows, Index classes, const double* uniforms,
                  float* labels);

// H: (classes, classes), row = true class.
void infogain_loss(const Stream& stream, const ClassView& view, const float* probabilities, const Labels& labels,
                   const float* gains, const LossResult& result);
// By the logits below the softmax, or by the probabilities themselves.
void infogain_logits_gradient(const Stream& stream, const ClassView& view, const float* probabilities,
                              const Labels& labels, const float* gains, const float* weight, const float* divisor,
                              float* dx);
void infogain_gradient(const Stream& stream, const ClassView& view, const float* probabilities, const Labels& labels,
                       const float* gains, const float* weight, const float* divisor, float* dx);

void multinomial_loss(const Stream& stream, const ClassView& view, const float* probabilities, const Labels& labels,
                      const LossResult& result);
void multinomial_gradient(const Stream& stream, const ClassView& view, const float* probabilities,
                          const Labels& labels, const float* weight, const float* divisor, float* dx);

// Targets of n elements; an element whose target is ignored is not valid.
void sigmoid_loss(const Stream& stream, const float* x, const Labels& targets, Index n, const LossResult& result);
void sigmoid_loss_gradient(const Stream& stream, const float* x, const Labels& targets, Index n, const float* weight,
                           const float* divisor, float* dx);

void euclidean_loss(const Stream& stream, const float* a, const float* b, Index n, const LossResult& result);
// dx = sign * weight / divisor * (a - b)
void euclidean_gradient(const Stream& stream, const float* a, const float* b, Index n, float sign, const float* weight,
                        const float* divisor, float* dx);

void hinge_loss(const Stream& stream, const ClassView& view, bool squared, const float* x, const Labels& labels,
                const LossResult& result);
void hinge_gradient(const Stream& stream, const ClassView& view, bool squared, const float* x, const Labels& labels,
                    const float* weight, const float* divisor, float* dx);

struct Contrast {
  Index batch = 1;
  Index length = 1;
  float margin = 0;
  bool legacy = false;
};
// squared: (batch), distances for backward.
void contrastive_loss(const Stream& stream, const Contrast& numbers, const float* a, const float* b,
                      const float* similar, float* squared, const LossResult& result);
void contrastive_gradient(const Stream& stream, const Contrast& numbers, const float* a, const float* b,
                          const float* similar, const float* squared, float sign, const float* weight,
                          const float* divisor, float* dx);

// hits: (positions), work space. per_class: (classes) or null.
void accuracy(const Stream& stream, const ClassView& view, Index top_k, const float* scores, const Labels& labels,
              float* hits, const LossResult& result, float* per_class);

// The top_k largest of each position, largest first, of equal ones the higher index first: indices and values, either
// may be null; element j of position (o, i) goes to o * outer_stride + j * inner + i.
void arg_max(const Stream& stream, const ClassView& view, Index top_k, const float* x, Index outer_stride,
             float* indices, float* values);

}  // namespace olmp::cuda
