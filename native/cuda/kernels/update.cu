#include "cuda/kernels/update.h"

namespace olmp::cuda {
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
  bool l1;
  float correction;  // Adam's
};

template <UpdateRule::Type kType>
OLMP_KERNEL Step step_of(const UpdateRule& rule, float rate, float scale, float decay, int iteration) {
  Step s{rate, scale, decay, rule.momentum, rule.momentum2, rule.rms_decay, rule.delta, rule.l1, 1};
  if constexpr (kType == UpdateRule::Type::kAdam) {
    const auto t = static_cast<float>(iteration + 1);
    s.correction = std::sqrt(1.0F - std::pow(s.momentum2, t)) / (1.0F - std::pow(s.momentum, t));
  }
  return s;
}

// Caffe's solvers (src/caffe/solvers/*.cpp), each in Caffe's order of operations. Returns the new value.
template <UpdateRule::Type kType>
OLMP_KERNEL float updated(const Step& s, float value, float diff, float& history, float* history2) {
  const float sign = value > 0 ? 1.0F : (value < 0 ? -1.0F : 0.0F);
  const float g = diff * s.scale + s.decay * (s.l1 ? sign : value);
  if constexpr (kType == UpdateRule::Type::kSgd) {
    history = s.rate * g + s.momentum * history;
    return value - history;
  } else if constexpr (kType == UpdateRule::Type::kNesterov) {
    const float previous = history;
    history = s.rate * g + s.momentum * previous;
    return value - ((1.0F + s.momentum) * history - s.momentum * previous);
  } else if constexpr (kType == UpdateRule::Type::kAdaGrad) {
    history += g * g;
    return value - s.rate * (g / (std::sqrt(history) + s.delta));
  } else if constexpr (kType == UpdateRule::Type::kRmsProp) {
    history = (1.0F - s.rms_decay) * (g * g) + s.rms_decay * history;
    return value - s.rate * (g / (std::sqrt(history) + s.delta));
  } else if constexpr (kType == UpdateRule::Type::kAdaDelta) {
    history = (1.0F - s.momentum) * (g * g) + s.momentum * history;
    const float step = g * std::sqrt((*history2 + s.delta) / (history + s.delta));
    *history2 = (1.0F - s.momentum) * (step * step) + s.momentum * *history2;
    return value - s.rate * step;
  } else {
    history = (1.0F - s.momentum) * g + s.momentum * history;
    *history2 = (1.0F - s.momentum2) * (g * g) + s.momentum2 * *history2;
    return value - (s.rate * s.correction) * (history / (std::sqrt(*history2) + s.delta));
  }
}

template <UpdateRule::Type kType>
void update_by(const Stream& stream, const UpdateRule& rule, float* value, const float* diff, float* history,
               float* history2, Index n) {
  for_each(stream, n, [=] OLMP_KERNEL(Index i) {
    const Step s = step_of<kType>(rule, rule.rate, rule.diff_scale, rule.decay, rule.iteration);
    value[i] = updated<kType>(s, value[i], diff[i], history[i], history2 == nullptr ? nullptr : history2 + i);
  });
}

template <UpdateRule::Type kType>
void update_all_by(const Stream& stream, const UpdateRule& rule, const StepNumbers* numbers,
                   const UpdateTarget* targets, Index count, Index blocks) {
  for_each_team(stream, blocks, kUpdateBlock, [=] OLMP_KERNEL(Team team, Index block) {
    if (numbers->alive == 0) return;
    const UpdateTarget to = target_of(targets, count, block);
    const Index first = (block - to.first_block) * kUpdateBlock;
    const Step s = step_of<kType>(rule, numbers->rate * to.rate_factor, numbers->clipping * rule.diff_scale, to.decay,
                                  numbers->iteration);
    team.each(smaller(kUpdateBlock, to.count - first), [=](Index k) {
      const Index i = first + k;
      const float mask = to.mask == nullptr ? 1.0F : to.mask[i];
      if (to.confined != 0 && mask == 0.0F) return;
      const float value =
          updated<kType>(s, to.value[i], to.diff[i], to.history[i], to.history2 == nullptr ? nullptr : to.history2 + i);
      to.value[i] = value;
      if (to.mask != nullptr) to.masked[i] = value * mask;
    });
  });
}

}  // namespace

#define OLMP_BY_RULE(type, function, ...)                                                          \
  switch (type) {                                                                                  \
    case UpdateRule::Type::kSgd: return function<UpdateRule::Type::kSgd>(__VA_ARGS__);             \
    case UpdateRule::Type::kNesterov: return function<UpdateRule::Type::kNesterov>(__VA_ARGS__);   \
    case UpdateRule::Type::kAdaGrad: return function<UpdateRule::Type::kAdaGrad>(__VA_ARGS__);     \
    case UpdateRule::Type::kRmsProp: return function<UpdateRule::Type::kRmsProp>(__VA_ARGS__);     \
    case UpdateRule::Type::kAdaDelta: return function<UpdateRule::Type::kAdaDelta>(__VA_ARGS__);   \
    case UpdateRule::Type::kAdam: return function<UpdateRule::Type::kAdam>(__VA_ARGS__);           \
  }

void update(const Stream& stream, const UpdateRule& rule, float* value, const float* diff, float* history,
            float* history2, Index n) {
  OLMP_BY_RULE(rule.type, update_by, stream, rule, value, diff, history, history2, n)
}

void update_all(const Stream& stream, const UpdateRule& rule, const StepNumbers* numbers, const UpdateTarget* targets,
                Index count, Index blocks) {
  OLMP_BY_RULE(rule.type, update_all_by, stream, rule, numbers, targets, count, blocks)
}

#undef OLMP_BY_RULE

void gradient_squares(const Stream& stream, const UpdateTarget* targets, Index count, Index blocks, double* parts) {
  for_each_team(stream, blocks, kUpdateBlock, [=] OLMP_KERNEL(Team team, Index block) {
    const UpdateTarget of = target_of(targets, count, block);
    const Index first = (block - of.first_block) * kUpdateBlock;
    const double sum = team.sum(smaller(kUpdateBlock, of.count - first), [=](Index k) {
      const auto g = static_cast<double>(of.diff[first + k]);
      return of.confined != 0 && of.mask[first + k] == 0.0F ? 0.0 : g * g;
    });
    if (team.first()) parts[block] = sum;
  });
}

void set_clipping(const Stream& stream, StepNumbers* numbers, const double* parts, Index blocks, float limit) {
  for_each_team(stream, 1, blocks, [=] OLMP_KERNEL(Team team, Index) {
    const auto norm = static_cast<float>(std::sqrt(team.sum(blocks, [=](Index i) { return parts[i]; })));
    if (team.first()) numbers->clipping = norm > limit ? limit / norm : 1.0F;
  });
}

}  // namespace olmp::cuda
