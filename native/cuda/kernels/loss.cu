#include "cuda/kernels/loss.h"

#include <cfloat>

namespace olmp::cuda {
namespace {

constexpr float kLogThreshold = 1e-20F;  // Caffe's kLOG_THRESHOLD

// -1: ignored, or no class at all, which is reported.
OLMP_KERNEL inline Index label_at(const Labels& labels, Index classes, Index position) {
  const float value = labels.values[labels.period > 0 ? divide(position, labels.period).remainder : position];
  if (value >= -2147483648.0F && value < 2147483648.0F) {
    const int label = static_cast<int>(value);
    if (labels.ignores && label == labels.ignored) return -1;
    if (label >= 0 && label < classes) return label;
  }
  report(labels.place, value, classes);
  return -1;
}

// Place of a position's class c.
OLMP_KERNEL inline Index place_of(const Channels& view, Index position, Index c) {
  const Quotient at = divide(position, view.inner);
  return (at.quotient * view.channels + c) * view.inner + at.remainder;
}

// An element's position and class.
struct Element {
  Index position;
  Index c;
};
OLMP_KERNEL inline Element element_of(const Channels& view, Index i) {
  const Quotient row = divide(i, view.inner);
  const Quotient at = divide(row.quotient, view.channels);
  return {at.quotient * view.inner + row.remainder, at.remainder};
}

// Positions that one team takes.
constexpr Index kLossBlock = 1024;

// What is left to the last team: the sums of each candidate's parts.
OLMP_KERNEL inline void finish_loss(const Team& team, const LossResult& to, Index parts) {
  for (Index c = 0; c < to.candidates; ++c) {
    const LossPart* own = to.parts + c * parts;
    const double sum = team.sum(parts, [=](Index i) { return own[i].loss; });
    const double count = team.sum(parts, [=](Index i) { return own[i].valid; });
    if (!team.first()) continue;
    const float divisor = to.rule.fixed > 0 ? to.rule.fixed : larger(1.0F, static_cast<float>(count));
    to.top[c] = static_cast<float>(sum) / divisor * to.factor;
    if (to.divisor != nullptr) to.divisor[c] = divisor;
  }
}

// Sums loss(position) and valid(position), in blocks and then over the blocks. `positions`: of each candidate.
template <class Loss, class Valid>
void sum_losses(const Stream& stream, Index positions, const LossResult& to, Loss loss, Valid valid) {
  const Index blocks = (positions + kLossBlock - 1) / kLossBlock;
  const Index teams = blocks * to.candidates;
  for_each_team(stream, teams, kLossBlock, [=] OLMP_KERNEL(Team team, Index part) {
    const Quotient at = divide(part, blocks);
    const Index first = at.quotient * positions + at.remainder * kLossBlock;
    const Index length = smaller(kLossBlock, positions - at.remainder * kLossBlock);
    const double sum = team.sum(length, [=](Index i) { return loss(first + i); });
    const double count = team.sum(length, [=](Index i) { return valid(first + i) ? 1.0 : 0.0; });
    if (team.first()) to.parts[part] = {sum, count};
    if (team.is_last(to.arrived, teams)) finish_loss(team, to, blocks);
  });
}

struct Always {
  OLMP_KERNEL bool operator()(Index) const { return true; }
};

struct HasLabel {
  Labels labels;
  Index classes;
  OLMP_KERNEL bool operator()(Index position) const { return label_at(labels, classes, position) >= 0; }
};

}  // namespace

namespace {

// What it writes is seen by the whole team afterwards.
OLMP_KERNEL inline void softmax_row(const Team& team, Index classes, const float* from, float* to) {
  const float maximum = team.maximum(classes, [=](Index c) { return from[c]; });
  team.each(classes, [=](Index c) { to[c] = std::exp(from[c] - maximum); });
  const auto sum = static_cast<float>(team.sum(classes, [=](Index c) { return to[c]; }));
  team.each(classes, [=](Index c) { to[c] /= sum; });
}

}  // namespace

void softmax_forward(const Stream& stream, const ClassView& view, const float* x, float* y) {
  const Index classes = view.channels;
  if (view.inner == 1) {
    for_each_team(stream, view.outer, classes,
                  [=] OLMP_KERNEL(Team team, Index row) { softmax_row(team, classes, x + row * classes, y + row * classes); });
    return;
  }
  for_each(stream, view.outer * view.inner, [=] OLMP_KERNEL(Index position) {
    const Index first = place_of(view, position, 0);
    float maximum = x[first];
    for (Index c = 1; c < classes; ++c) maximum = larger(maximum, x[first + c * view.inner]);
    float sum = 0;
    for (Index c = 0; c < classes; ++c) {
      const float value = std::exp(x[first + c * view.inner] - maximum);
      y[first + c * view.inner] = value;
      sum += value;
    }
    for (Index c = 0; c < classes; ++c) y[first + c * view.inner] /= sum;
  });
}

// dx = (dy - sum over the classes of y dy) y
void softmax_backward(const Stream& stream, const ClassView& view, const float* y, const float* dy, float* dx) {
  const Index classes = view.channels;
  for_each_team(stream, view.outer * view.inner, classes, [=] OLMP_KERNEL(Team team, Index position) {
    const Index first = place_of(view, position, 0);
    const auto dot = static_cast<float>(
        team.sum(classes, [=](Index c) { return y[first + c * view.inner] * dy[first + c * view.inner]; }));
    team.each(classes, [=](Index c) {
      const Index i = first + c * view.inner;
      dx[i] = (dy[i] - dot) * y[i];
    });
  });
}

namespace {

// dx of a row from its probabilities.
OLMP_KERNEL inline void row_gradient(const Team& team, Index classes, Index row, Index label, const float* x,
                                     const float* probabilities, const LossGradient& gradient) {
  float* to = gradient.dx + row * classes;
  const float scale = gradient.scale;
  if (label < 0) {
    team.each(classes, [=](Index c) { to[c] = 0; });
    return;
  }
  const Distillation teacher = gradient.teacher;
  if (teacher.weight == 0) {
    team.each(classes, [=](Index c) { to[c] = (probabilities[c] - (c == label ? 1.0F : 0.0F)) * scale; });
    return;
  }
  const float* theirs = teacher.logits + row * classes;
  const float temperature = teacher.temperature;
  const float own_most = team.maximum(classes, [=](Index c) { return x[c]; });
  const float their_most = team.maximum(classes, [=](Index c) { return theirs[c]; });
  const auto own_sum =
      static_cast<float>(team.sum(classes, [=](Index c) { return std::exp((x[c] - own_most) / temperature); }));
  const auto their_sum =
      static_cast<float>(team.sum(classes, [=](Index c) { return std::exp((theirs[c] - their_most) / temperature); }));
  team.each(classes, [=](Index c) {
    const float softened = std::exp((x[c] - own_most) / temperature) / own_sum -
                           std::exp((theirs[c] - their_most) / temperature) / their_sum;
    const float hard = probabilities[c] - (c == label ? 1.0F : 0.0F);
    to[c] = ((1 - teacher.weight) * hard + teacher.weight * temperature * softened) * scale;
  });
}

// FLT_MIN comes second, so that a NaN stays one.
OLMP_KERNEL inline double cross_entropy(float probability) {
  return -static_cast<double>(std::log(larger(probability, FLT_MIN)));
}

}  // namespace

void softmax_loss(const Stream& stream, const ClassView& view, const float* x, const Labels& labels,
                  const LossResult& result, float* probabilities, const LossGradient& gradient) {
  const Index classes = view.channels;
  const Index positions = view.outer * view.inner / result.candidates;
  if (view.inner == 1) {
    for_each_team(stream, view.outer, classes, [=] OLMP_KERNEL(Team team, Index row) {
      const float* from = x + row * classes;
      float* to = probabilities + row * classes;
      softmax_row(team, classes, from, to);
      const Index label = label_at(labels, classes, row);
      if (gradient.dx != nullptr) row_gradient(team, classes, row, label, from, to, gradient);
      if (team.first()) {
        result.parts[row] = {label < 0 ? 0.0 : cross_entropy(to[label]), label < 0 ? 0.0 : 1.0};
      }
      if (team.is_last(result.arrived, view.outer)) finish_loss(team, result, positions);
    });
    return;
  }
  softmax_forward(stream, view, x, probabilities);
  const auto loss = [=] OLMP_KERNEL(Index position) {
    const Index label = label_at(labels, classes, position);
    return label < 0 ? 0.0 : cross_entropy(probabilities[place_of(view, position, label)]);
  };
  sum_losses(stream, positions, result, loss, HasLabel{labels, classes});
}

void softmax_loss_gradient(const Stream& stream, const ClassView& view, const float* probabilities,
                           const Labels& labels, const float* weight, const float* divisor, float* dx) {
  for_each(stream, view.count(), [=] OLMP_KERNEL(Index i) {
    const Element at = element_of(view, i);
    const Index label = label_at(labels, view.channels, at.position);
    const float slope = probabilities[i] - (at.c == label ? 1.0F : 0.0F);
    dx[i] = label < 0 ? 0.0F : slope * (*weight / *divisor);
  });
}

void distilled_loss_gradient(const Stream& stream, const ClassView& view, const float* x, const float* probabilities,
                             const Distillation& teacher, const Labels& labels, const float* weight,
                             const float* divisor, float* dx) {
  const Index classes = view.channels;
  for_each_team(stream, view.outer, classes, [=] OLMP_KERNEL(Team team, Index row) {
    const LossGradient gradient{dx, *weight / *divisor, teacher};
    row_gradient(team, classes, row, label_at(labels, classes, row), x + row * classes, probabilities + row * classes, gradient);
  });
}

// In double, and in the order of the classes, as the host draws (session_recipe.cpp): the same number picks the same class.
void draw_classes(const Stream& stream, const float* logits, Index rows, Index classes, const double* uniforms,
                  float* labels) {
  for_each(stream, rows, [=] OLMP_KERNEL(Index row) {
    const float* from = logits + row * classes;
    float most = from[0];
    for (Index c = 1; c < classes; ++c) most = larger(most, from[c]);
    double sum = 0;
    for (Index c = 0; c < classes; ++c) sum += std::exp(static_cast<double>(from[c] - most));
    double left = uniforms[row] * sum;
    Index drawn = classes - 1;
    for (Index c = 0; c + 1 < classes; ++c) {
      left -= std::exp(static_cast<double>(from[c] - most));
      if (left < 0) {
        drawn = c;
        break;
      }
    }
    labels[row] = static_cast<float>(drawn);
  });
}

void infogain_loss(const Stream& stream, const ClassView& view, const float* probabilities, const Labels& labels,
                   const float* gains, const LossResult& result) {
  const auto loss = [=] OLMP_KERNEL(Index position) {
    const Index label = label_at(labels, view.channels, position);
    double sum = 0;
    if (label < 0) return sum;
    for (Index c = 0; c < view.channels; ++c) {
      const float p = larger(probabilities[place_of(view, position, c)], kLogThreshold);
      sum -= static_cast<double>(gains[label * view.channels + c] * std::log(p));
    }
    return sum;
  };
  sum_losses(stream, view.outer * view.inner, result, loss, HasLabel{labels, view.channels});
}

// dx = p sum(H[label]) - H[label], times weight / divisor; zero at ignored positions.
void infogain_logits_gradient(const Stream& stream, const ClassView& view, const float* probabilities,
                              const Labels& labels, const float* gains, const float* weight, const float* divisor,
                              float* dx) {
  for_each_team(stream, view.outer * view.inner, view.channels, [=] OLMP_KERNEL(Team team, Index position) {
    const Index label = label_at(labels, view.channels, position);
    const float* row = gains + larger(label, Index{0}) * view.channels;
    const auto sum = static_cast<float>(team.sum(view.channels, [=](Index c) { return row[c]; }));
    const float scale = *weight / *divisor;
    team.each(view.channels, [=](Index c) {
      const Index i = place_of(view, position, c);
      dx[i] = label < 0 ? 0.0F : (probabilities[i] * sum - row[c]) * scale;
    });
  });
}

void infogain_gradient(const Stream& stream, const ClassView& view, const float* probabilities, const Labels& labels,
                       const float* gains, const float* weight, const float* divisor, float* dx) {
  for_each(stream, view.count(), [=] OLMP_KERNEL(Index i) {
    const Element at = element_of(view, i);
    const Index label = label_at(labels, view.channels, at.position);
    const float scale = -*weight / *divisor;
    dx[i] = label < 0 ? 0.0F
                      : scale * gains[label * view.channels + at.c] / larger(probabilities[i], kLogThreshold);
  });
}

void multinomial_loss(const Stream& stream, const ClassView& view, const float* probabilities, const Labels& labels,
                      const LossResult& result) {
  const auto loss = [=] OLMP_KERNEL(Index position) {
    const Index label = label_at(labels, view.channels, position);
    if (label < 0) return 0.0;
    return -static_cast<double>(std::log(larger(probabilities[place_of(view, position, label)], kLogThreshold)));
  };
  sum_losses(stream, view.outer * view.inner, result, loss, Always());
}

void multinomial_gradient(const Stream& stream, const ClassView& view, const float* probabilities,
                          const Labels& labels, const float* weight, const float* divisor, float* dx) {
  for_each(stream, view.count(), [=] OLMP_KERNEL(Index i) {
    const Element at = element_of(view, i);
    const bool own = label_at(labels, view.channels, at.position) == at.c;
    dx[i] = own ? -*weight / *divisor / larger(probabilities[i], kLogThreshold) : 0.0F;
  });
}

namespace {

// As in Caffe, a soft target is truncated before it is compared with the ignored label.
OLMP_KERNEL inline bool is_ignored(const Labels& targets, Index i) {
  return targets.ignores && std::trunc(targets.values[i]) == static_cast<float>(targets.ignored);
}

struct HasTarget {
  Labels targets;
  OLMP_KERNEL bool operator()(Index i) const { return !is_ignored(targets, i); }
};

}  // namespace

void sigmoid_loss(const Stream& stream, const float* x, const Labels& targets, Index n, const LossResult& result) {
  const auto loss = [=] OLMP_KERNEL(Index i) {
    if (is_ignored(targets, i)) return 0.0;
    const float positive = x[i] >= 0.0F ? 1.0F : 0.0F;
    const float t = targets.values[i];
    return -static_cast<double>(x[i] * (t - positive) - std::log(1.0F + std::exp(-std::fabs(x[i]))));
  };
  sum_losses(stream, n, result, loss, HasTarget{targets});
}

void sigmoid_loss_gradient(const Stream& stream, const float* x, const Labels& targets, Index n, const float* weight,
                           const float* divisor, float* dx) {
  for_each(stream, n, [=] OLMP_KERNEL(Index i) {
    const float sigmoid = 0.5F * std::tanh(0.5F * x[i]) + 0.5F;
    dx[i] = is_ignored(targets, i) ? 0.0F : (sigmoid - targets.values[i]) * (*weight / *divisor);
  });
}

void euclidean_loss(const Stream& stream, const float* a, const float* b, Index n, const LossResult& result) {
  const auto loss = [=] OLMP_KERNEL(Index i) {
    const auto difference = static_cast<double>(a[i] - b[i]);
    return difference * difference;
  };
  sum_losses(stream, n, result, loss, Always());
}

void euclidean_gradient(const Stream& stream, const float* a, const float* b, Index n, float sign, const float* weight,
                        const float* divisor, float* dx) {
  for_each(stream, n, [=] OLMP_KERNEL(Index i) { dx[i] = sign * *weight / *divisor * (a[i] - b[i]); });
}

namespace {

OLMP_KERNEL inline float violation(const float* x, Index i, bool own) { return larger(1.0F + (own ? -x[i] : x[i]), 0.0F); }

}  // namespace

void hinge_loss(const Stream& stream, const ClassView& view, bool squared, const float* x, const Labels& labels,
                const LossResult& result) {
  const auto loss = [=] OLMP_KERNEL(Index n) {
    const Index label = label_at(labels, view.channels, n);
    double sum = 0;
    for (Index c = 0; c < view.channels; ++c) {
      const auto v = static_cast<double>(violation(x, n * view.channels + c, c == label));
      sum += squared ? v * v : v;
    }
    return sum;
  };
  sum_losses(stream, view.outer, result, loss, Always());
}

void hinge_gradient(const Stream& stream, const ClassView& view, bool squared, const float* x, const Labels& labels,
                    const float* weight, const float* divisor, float* dx) {
  for_each(stream, view.outer * view.channels, [=] OLMP_KERNEL(Index i) {
    const Quotient at = divide(i, view.channels);
    const bool own = label_at(labels, view.channels, at.quotient) == at.remainder;
    const float v = violation(x, i, own);
    const float slope = squared ? 2.0F * v : (v > 0.0F ? 1.0F : 0.0F);
    dx[i] = (own ? -slope : slope) * (*weight / *divisor);
  });
}

void contrastive_loss(const Stream& stream, const Contrast& g, const float* a, const float* b, const float* similar,
                      float* squared, const LossResult& result) {
  for_each_team(stream, g.batch, g.length, [=] OLMP_KERNEL(Team team, Index n) {
    const float* left = a + n * g.length;
    const float* right = b + n * g.length;
    const double sum = team.sum(g.length, [=](Index i) {
      const auto difference = static_cast<double>(left[i] - right[i]);
      return difference * difference;
    });
    if (team.first()) squared[n] = static_cast<float>(sum);
  });
  const auto loss = [=] OLMP_KERNEL(Index n) {
    if (std::trunc(similar[n]) != 0.0F) return static_cast<double>(squared[n]);
    if (g.legacy) return static_cast<double>(larger(g.margin - squared[n], 0.0F));
    const auto gap = static_cast<double>(larger(g.margin - std::sqrt(squared[n]), 0.0F));
    return gap * gap;
  };
  sum_losses(stream, g.batch, result, loss, Always());
}

void contrastive_gradient(const Stream& stream, const Contrast& g, const float* a, const float* b,
                          const float* similar, const float* squared, float sign, const float* weight,
                          const float* divisor, float* dx) {
  for_each(stream, g.batch * g.length, [=] OLMP_KERNEL(Index i) {
    const Index n = divide(i, g.length).quotient;
    float slope = 1.0F;
    if (std::trunc(similar[n]) == 0.0F) {
      if (g.legacy) {
        slope = g.margin - squared[n] > 0.0F ? -1.0F : 0.0F;
      } else {
        const float distance = std::sqrt(squared[n]);
        // 1e-4 against 0/0 at distance 0: Caffe's constant.
        slope = g.margin - distance > 0.0F ? -(g.margin - distance) / (distance + 1e-4F) : 0.0F;
      }
    }
    dx[i] = sign * *weight / *divisor * slope * (a[i] - b[i]);
  });
}

void accuracy(const Stream& stream, const ClassView& view, Index top_k, const float* scores, const Labels& labels,
              float* hits, const LossResult& result, float* per_class) {
  const Index positions = view.outer * view.inner;
  const Index classes = view.channels;
  const Index own_positions = positions / result.candidates;
  if (view.inner == 1) {
    for_each_team(stream, positions, classes, [=] OLMP_KERNEL(Team team, Index position) {
      const Index label = label_at(labels, classes, position);
      const float* row = scores + position * classes;
      // The class itself is among those that are not worse.
      const double not_worse = team.sum(classes, [=](Index c) { return label >= 0 && !(row[c] < row[label]) ? 1.0 : 0.0; });
      if (team.first()) {
        const bool hit = label >= 0 && not_worse - 1 < static_cast<double>(top_k);
        hits[position] = hit ? 1.0F : 0.0F;
        result.parts[position] = {hit ? 1.0 : 0.0, label < 0 ? 0.0 : 1.0};
      }
      if (team.is_last(result.arrived, positions)) finish_loss(team, result, own_positions);
    });
  } else {
    for_each(stream, positions, [=] OLMP_KERNEL(Index position) {
      const Index label = label_at(labels, classes, position);
      hits[position] = 0;
      if (label < 0) return;
      const float own = scores[place_of(view, position, label)];
      Index better = -1;  // the class itself will be counted
      for (Index c = 0; c < classes && better < top_k; ++c) {
        better += !(scores[place_of(view, position, c)] < own) ? 1 : 0;
      }
      hits[position] = better < top_k ? 1.0F : 0.0F;
    });
    sum_losses(stream, own_positions, result,
               [=] OLMP_KERNEL(Index position) { return static_cast<double>(hits[position]); }, HasLabel{labels, classes});
  }
  if (per_class == nullptr) return;
  for_each_team(stream, classes, positions, [=] OLMP_KERNEL(Team team, Index c) {
    const double seen = team.sum(positions, [=](Index i) { return label_at(labels, classes, i) == c ? 1.0 : 0.0; });
    const double right = team.sum(
        positions, [=](Index i) { return label_at(labels, classes, i) == c ? static_cast<double>(hits[i]) : 0.0; });
    if (team.first()) per_class[c] = seen > 0 ? static_cast<float>(right) / static_cast<float>(seen) : 0.0F;
  });
}

void arg_max(const Stream& stream, const ClassView& view, Index top_k, const float* x, Index outer_stride,
             float* indices, float* values) {
  for_each(stream, view.outer * view.inner, [=] OLMP_KERNEL(Index position) {
    const Quotient at = divide(position, view.inner);
    float last = 0;
    Index last_at = -1;
    for (Index j = 0; j < top_k; ++j) {
      float best = 0;
      Index best_at = -1;
      for (Index c = 0; c < view.channels; ++c) {
        const float value = x[place_of(view, position, c)];
        const bool left = last_at < 0 || value < last || (value == last && c < last_at);
        if (left && (best_at < 0 || value >= best)) {  // of equal values the higher index
          best = value;
          best_at = c;
        }
      }
      const Index to = at.quotient * outer_stride + j * view.inner + at.remainder;
      if (indices != nullptr) indices[to] = static_cast<float>(best_at);
      if (values != nullptr) values[to] = best;
      last = best;
      last_at = best_at;
    }
  });
}

}  // namespace olmp::cuda
