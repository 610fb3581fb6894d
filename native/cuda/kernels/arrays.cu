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

namespace {

// The numbers of one update, resolved.
struct Step {
  float rate;
  float scale;
  float decay;
  float momentum;
  float momentum2;
  float rms_decay;
  float delta;
  float correction;  // Adam's
};

// Caffe's solvers (src/caffe/solvers/*.cpp), each in Caffe's order of operations.
template <UpdateRule::Type kType>
OLMP_KERNEL void apply(const Step& s, float g, float& value, float& history, float* history2) {
  if constexpr (kType == UpdateRule::Type::kSgd) {
    history = s.rate * g + s.momentum * history;
    value -= history;
  } else if constexpr (kType == UpdateRule::Type::kNesterov) {
    const float previous = history;
    history = s.rate * g + s.momentum * previous;
    value -= (1.0F + s.momentum) * history - s.momentum * previous;
  } else if constexpr (kType == UpdateRule::Type::kAdaGrad) {
    history += g * g;
    value -= s.rate * (g / (std::sqrt(history) + s.delta));
  } else if constexpr (kType == UpdateRule::Type::kRmsProp) {
    history = (1.0F - s.rms_decay) * (g * g) + s.rms_decay * history;
    value -= s.rate * (g / (std::sqrt(history) + s.delta));
  } else if constexpr (kType == UpdateRule::Type::kAdaDelta) {
    history = (1.0F - s.momentum) * (g * g) + s.momentum * history;
    const float step = g * std::sqrt((*history2 + s.delta) / (history + s.delta));
    *history2 = (1.0F - s.momentum) * (step * step) + s.momentum * *history2;
    value -= s.rate * step;
  } else {
    history = (1.0F - s.momentum) * g + s.momentum * history;
    *history2 = (1.0F - s.momentum2) * (g * g) + s.momentum2 * *history2;
    value -= (s.rate * s.correction) * (history / (std::sqrt(*history2) + s.delta));
  }
}

template <UpdateRule::Type kType>
void update_by(const Stream& stream, const UpdateRule& rule, const StepNumbers* numbers, float* values,
               const float* diff, float* history, float* history2, Index n) {
  for_each(stream, n, [=] OLMP_KERNEL(Index i) {
    Step s{rule.rate, rule.diff_scale, rule.decay, rule.momentum, rule.momentum2, rule.rms_decay, rule.delta, 1};
    int iteration = rule.iteration;
    if (numbers != nullptr) {
      if (numbers->alive == 0) return;
      s.rate *= numbers->rate;
      s.scale *= numbers->clipping;
      iteration = numbers->iteration;
    }
    if constexpr (kType == UpdateRule::Type::kAdam) {
      const auto t = static_cast<float>(iteration + 1);
      s.correction = std::sqrt(1.0F - std::pow(s.momentum2, t)) / (1.0F - std::pow(s.momentum, t));
    }
    const float value = values[i];
    const float sign = value > 0 ? 1.0F : (value < 0 ? -1.0F : 0.0F);
    const float g = diff[i] * s.scale + s.decay * (rule.l1 ? sign : value);
    apply<kType>(s, g, values[i], history[i], history2 == nullptr ? nullptr : history2 + i);
  });
}

}  // namespace

void update(const Stream& stream, const UpdateRule& rule, const StepNumbers* numbers, float* value, const float* diff,
            float* history, float* history2, Index n) {
  using Type = UpdateRule::Type;
  switch (rule.type) {
    case Type::kSgd: return update_by<Type::kSgd>(stream, rule, numbers, value, diff, history, history2, n);
    case Type::kNesterov: return update_by<Type::kNesterov>(stream, rule, numbers, value, diff, history, history2, n);
    case Type::kAdaGrad: return update_by<Type::kAdaGrad>(stream, rule, numbers, value, diff, history, history2, n);
    case Type::kRmsProp: return update_by<Type::kRmsProp>(stream, rule, numbers, value, diff, history, history2, n);
    case Type::kAdaDelta: return update_by<Type::kAdaDelta>(stream, rule, numbers, value, diff, history, history2, n);
    case Type::kAdam: return update_by<Type::kAdam>(stream, rule, numbers, value, diff, history, history2, n);
  }
}

}  // namespace olmp::cuda
