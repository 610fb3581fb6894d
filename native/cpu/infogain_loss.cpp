#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cpu/axis_view.h"
#include "cpu/infogain_matrix.h"
#include "cpu/loss.h"
#include "cpu/register.h"
#include "cpu/softmax.h"
#include "engine/error.h"

namespace olmp {
namespace {

// -sum over classes c of H[label][c] log p(c). Shared by the two readings of bottom 0; H comes from a file or is
// bottom 2.
class InfogainLoss : public Layer {
 public:
  InfogainLoss(LayerContext context, AxisView (*view)(const LayerContext&))
      : Layer(std::move(context)), view_(view(ctx)) {
    require_count(bottom(1), view_.outer * view_.inner, ctx.name);
    if (ctx.bottoms.size() > 2) {
      require_count(bottom(2), view_.size * view_.size, ctx.name);
    } else {
      matrix_ = read_infogain_matrix(ctx.params.at("source").get<std::string>(), view_.size);
    }
  }

  std::int64_t workspace_bytes() const override { return static_cast<std::int64_t>(matrix_.size() * sizeof(float)); }

 protected:
  const float* gains_of(std::int64_t label) const {
    return (ctx.bottoms.size() > 2 ? bottom(2).data : matrix_.data()) + label * view_.size;
  }

  std::optional<std::int64_t> label_at(std::int64_t outer, std::int64_t inner,
                                       const std::optional<int>& ignored) const {
    return read_label(bottom(1).data[outer * view_.inner + inner], view_.size, ignored, ctx.name);
  }

  // The loss at one position, whose class c has its probability at p[c * inner].
  double loss_at(const float* p, std::int64_t label) const {
    const float* gains = gains_of(label);
    double loss = 0;
    for (std::int64_t c = 0; c < view_.size; ++c) {
      loss -= static_cast<double>(gains[c] * std::log(std::max(p[c * view_.inner], kLogThreshold)));
    }
    return loss;
  }

  AxisView view_;

 private:
  std::vector<float> matrix_;
};

// BVLC: bottom 0 holds logits, the softmax is part of the loss; top 1, if there, holds the probabilities.
class InfogainOfLogits final : public InfogainLoss {
 public:
  explicit InfogainOfLogits(LayerContext context)
      : InfogainLoss(std::move(context),
                     [](const LayerContext& c) {
                       return axis_view(*c.bottoms[0], c.params.at("axis").get<int>(), c.name);
                     }),
        normalization_(ctx.params, ctx.name),
        ignored_(read_ignore_label(ctx.params)),
        probabilities_(static_cast<std::size_t>(bottom().count())) {
    if (ctx.tops.size() > 1) require_count(top(1), bottom().count(), ctx.name);
  }

  void forward() override {
    softmax_forward(ctx.threads, bottom().data, probabilities_.data(), view_);
    double loss = 0;
    std::int64_t valid = 0;
    for (std::int64_t o = 0; o < view_.outer; ++o) {
      for (std::int64_t i = 0; i < view_.inner; ++i) {
        const auto label = label_at(o, i, ignored_);
        if (!label) continue;
        loss += loss_at(probabilities_.data() + place(o, i), *label);
        ++valid;
      }
    }
    top().data[0] = static_cast<float>(loss) / normalization_.divisor(view_.outer, view_.inner, valid);
    if (ctx.tops.size() > 1) std::copy(probabilities_.begin(), probabilities_.end(), top(1).data);
  }

  // dx = p sum(H[label]) - H[label], times weight / divisor; zero at ignored positions.
  void backward() override {
    if (!ctx.propagate_down[0]) return;
    float* dx = bottom().diff;
    std::int64_t valid = 0;
    std::fill_n(dx, bottom().count(), 0.0f);
    for (std::int64_t o = 0; o < view_.outer; ++o) {
      for (std::int64_t i = 0; i < view_.inner; ++i) {
        const auto label = label_at(o, i, ignored_);
        if (!label) continue;
        ++valid;
        const float* gains = gains_of(*label);
        float sum = 0;
        for (std::int64_t c = 0; c < view_.size; ++c) sum += gains[c];
        for (std::int64_t c = 0; c < view_.size; ++c) {
          const std::int64_t at = place(o, i) + c * view_.inner;
          dx[at] = probabilities_[static_cast<std::size_t>(at)] * sum - gains[c];
        }
      }
    }
    const float scale = top().diff[0] / normalization_.divisor(view_.outer, view_.inner, valid);
    for (std::int64_t i = 0; i < bottom().count(); ++i) dx[i] *= scale;
  }

  std::int64_t workspace_bytes() const override {
    return InfogainLoss::workspace_bytes() + static_cast<std::int64_t>(probabilities_.size() * sizeof(float));
  }

 private:
  std::int64_t place(std::int64_t outer, std::int64_t inner) const { return outer * view_.size * view_.inner + inner; }

  Normalization normalization_;
  std::optional<int> ignored_;
  std::vector<float> probabilities_;
};

// Before 2017: bottom 0 holds probabilities, one label per item, no LossParameter: the mean over the batch.
class InfogainOfProbabilities final : public InfogainLoss {
 public:
  explicit InfogainOfProbabilities(LayerContext context)
      : InfogainLoss(std::move(context), [](const LayerContext& c) {
          const std::int64_t batch = std::max<std::int64_t>(1, batch_size(*c.bottoms[0]));
          return AxisView{batch, c.bottoms[0]->count() / batch, 1};
        }) {}

  void forward() override {
    double loss = 0;
    for (std::int64_t n = 0; n < view_.outer; ++n) {
      loss += loss_at(bottom().data + n * view_.size, *label_at(n, 0, std::nullopt));
    }
    top().data[0] = static_cast<float>(loss) / static_cast<float>(view_.outer);
  }

  void backward() override {
    if (!ctx.propagate_down[0]) return;
    const float scale = -top().diff[0] / static_cast<float>(view_.outer);
    for (std::int64_t n = 0; n < view_.outer; ++n) {
      const float* gains = gains_of(*label_at(n, 0, std::nullopt));
      const float* p = bottom().data + n * view_.size;
      float* dx = bottom().diff + n * view_.size;
      for (std::int64_t c = 0; c < view_.size; ++c) dx[c] = scale * gains[c] / std::max(p[c], kLogThreshold);
    }
  }
};

std::unique_ptr<Layer> make_infogain_loss(LayerContext context) {
  const auto input = context.params.at("input").get<std::string>();
  if (input == "LOGITS") return std::make_unique<InfogainOfLogits>(std::move(context));
  if (input == "PROBABILITIES") return std::make_unique<InfogainOfProbabilities>(std::move(context));
  throw Error("bad-parameter", "layer '" + context.name + "': InfogainLoss takes LOGITS or PROBABILITIES, not '" +
                                   input + "'");
}

}  // namespace

void register_infogain_loss(LayerRegistry& registry) { registry["InfogainLoss"] = make_infogain_loss; }

}  // namespace olmp
