#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "cpu/axis_view.h"
#include "cpu/loss.h"
#include "cpu/register.h"

namespace olmp {
namespace {

// Cross-entropy of sigmoid(x) and targets t in [0, 1], which get no gradient.
class SigmoidCrossEntropyLoss final : public Layer {
 public:
  explicit SigmoidCrossEntropyLoss(LayerContext context)
      : Layer(std::move(context)), normalization_(ctx.params, ctx.name), ignored_(read_ignore_label(ctx.params)) {
    require_count(bottom(1), bottom().count(), ctx.name);
  }

  void forward() override {
    const float* x = bottom().data;
    const float* t = bottom(1).data;
    double loss = 0;
    std::int64_t valid = 0;
    for (std::int64_t i = 0; i < bottom().count(); ++i) {
      if (is_ignored(t[i])) continue;
      // -(t log s(x) + (1 - t) log(1 - s(x))), with the exponential of a negative number only.
      const float positive = x[i] >= 0.0f ? 1.0f : 0.0f;
      loss -= static_cast<double>(x[i] * (t[i] - positive) - std::log(1.0f + std::exp(-std::abs(x[i]))));
      ++valid;
    }
    divisor_ = divisor(valid);
    top().data[0] = static_cast<float>(loss) / divisor_;
  }

  void backward() override {
    if (!ctx.propagate_down[0]) return;
    const float* x = bottom().data;
    const float* t = bottom(1).data;
    float* dx = bottom().diff;
    const float scale = top().diff[0] / divisor_;
    for (std::int64_t i = 0; i < bottom().count(); ++i) {
      const float sigmoid = 0.5f * std::tanh(0.5f * x[i]) + 0.5f;
      dx[i] = is_ignored(t[i]) ? 0.0f : (sigmoid - t[i]) * scale;
    }
  }

 private:
  // As in Caffe, a soft target is truncated before it is compared with the ignored label.
  bool is_ignored(float target) const { return ignored_ && std::trunc(target) == static_cast<float>(*ignored_); }

  float divisor(std::int64_t valid) const {
    const std::int64_t outer = batch_size(bottom());
    return normalization_.divisor(outer, outer == 0 ? 0 : bottom().count() / outer, valid);
  }

  Normalization normalization_;
  std::optional<int> ignored_;
  float divisor_ = 1.0f;
};

}  // namespace

void register_sigmoid_cross_entropy_loss(LayerRegistry& registry) {
  registry["SigmoidCrossEntropyLoss"] = [](LayerContext context) {
    return std::make_unique<SigmoidCrossEntropyLoss>(std::move(context));
  };
}

}  // namespace olmp
