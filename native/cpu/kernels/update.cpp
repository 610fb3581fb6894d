// Caffe's parameter updates: src/caffe/solvers/{sgd,nesterov,adagrad,rmsprop,adadelta,adam}_solver.cpp. Each formula
// keeps Caffe's order of operations; diff is first scaled (iter_size, clipping), then regularised.
#include <cmath>

#include "cpu/kernels/elementwise.h"

namespace olmp::OLMP_ISA {
namespace {

// SGDSolver::Normalize and Regularize.
template <bool kL1>
inline float regularised(const UpdateRule& rule, float diff, float value) {
  const float scaled = diff * rule.diff_scale;
  const float sign = value > 0 ? 1.0F : (value < 0 ? -1.0F : 0.0F);
  return scaled + rule.decay * (kL1 ? sign : value);
}

template <bool kL1>
void sgd(const UpdateRule& rule, float* value, const float* diff, float* history, std::int64_t n) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = regularised<kL1>(rule, diff[i], value[i]);
    history[i] = rule.rate * g + rule.momentum * history[i];
    value[i] -= history[i];
  }
}

template <bool kL1>
void nesterov(const UpdateRule& rule, float* value, const float* diff, float* history, std::int64_t n) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = regularised<kL1>(rule, diff[i], value[i]);
    const float previous = history[i];
    history[i] = rule.rate * g + rule.momentum * previous;
    value[i] -= (1.0F + rule.momentum) * history[i] - rule.momentum * previous;
  }
}

template <bool kL1>
void adagrad(const UpdateRule& rule, float* value, const float* diff, float* history, std::int64_t n) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = regularised<kL1>(rule, diff[i], value[i]);
    history[i] += g * g;
    value[i] -= rule.rate * (g / (std::sqrt(history[i]) + rule.delta));
  }
}

template <bool kL1>
void rmsprop(const UpdateRule& rule, float* value, const float* diff, float* history, std::int64_t n) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = regularised<kL1>(rule, diff[i], value[i]);
    history[i] = (1.0F - rule.rms_decay) * (g * g) + rule.rms_decay * history[i];
    value[i] -= rule.rate * (g / (std::sqrt(history[i]) + rule.delta));
  }
}

// AdaDelta's decay is the solver's momentum; history2 holds the squared updates.
template <bool kL1>
void adadelta(const UpdateRule& rule, float* value, const float* diff, float* history, float* history2,
              std::int64_t n) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = regularised<kL1>(rule, diff[i], value[i]);
    history[i] = (1.0F - rule.momentum) * (g * g) + rule.momentum * history[i];
    const float step = g * std::sqrt((history2[i] + rule.delta) / (history[i] + rule.delta));
    history2[i] = (1.0F - rule.momentum) * (step * step) + rule.momentum * history2[i];
    value[i] -= rule.rate * step;
  }
}

template <bool kL1>
void adam(const UpdateRule& rule, float* value, const float* diff, float* history, float* history2, std::int64_t n) {
  const float t = static_cast<float>(rule.iteration + 1);
  const float correction = std::sqrt(1.0F - std::pow(rule.momentum2, t)) / (1.0F - std::pow(rule.momentum, t));
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = regularised<kL1>(rule, diff[i], value[i]);
    history[i] = (1.0F - rule.momentum) * g + rule.momentum * history[i];
    history2[i] = (1.0F - rule.momentum2) * (g * g) + rule.momentum2 * history2[i];
    value[i] -= (rule.rate * correction) * (history[i] / (std::sqrt(history2[i]) + rule.delta));
  }
}

template <bool kL1>
void apply(const UpdateRule& rule, float* value, const float* diff, float* history, float* history2, std::int64_t n) {
  switch (rule.type) {
    case UpdateRule::Type::kSgd: return sgd<kL1>(rule, value, diff, history, n);
    case UpdateRule::Type::kNesterov: return nesterov<kL1>(rule, value, diff, history, n);
    case UpdateRule::Type::kAdaGrad: return adagrad<kL1>(rule, value, diff, history, n);
    case UpdateRule::Type::kRmsProp: return rmsprop<kL1>(rule, value, diff, history, n);
    case UpdateRule::Type::kAdaDelta: return adadelta<kL1>(rule, value, diff, history, history2, n);
    case UpdateRule::Type::kAdam: return adam<kL1>(rule, value, diff, history, history2, n);
  }
}

}  // namespace

void update(const UpdateRule& rule, float* value, const float* diff, float* history, float* history2, std::int64_t n) {
  if (rule.l1) {
    apply<true>(rule, value, diff, history, history2, n);
  } else {
    apply<false>(rule, value, diff, history, history2, n);
  }
}

}  // namespace olmp::OLMP_ISA
