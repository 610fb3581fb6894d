#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "cpu/axis_view.h"
#include "cpu/loss.h"
#include "cpu/register.h"
#include "cpu/softmax.h"

namespace olmp {
namespace {

// Cross-entropy of softmax(bottom 0) and the labels of bottom 1; top 1, if there, holds the probabilities.
class SoftmaxWithLoss final : public Layer {
 public:
  explicit SoftmaxWithLoss(LayerContext context)
      : Layer(std::move(context)),
        view_(axis_view(bottom(), ctx.params.at("axis").get<int>(), ctx.name)),
        normalization_(ctx.params, ctx.name),
        ignored_(read_ignore_label(ctx.params)),
        probabilities_(static_cast<std::size_t>(bottom().count())) {
    require_count(bottom(1), view_.outer * view_.inner, ctx.name);
    if (ctx.tops.size() > 1) require_count(top(1), bottom().count(), ctx.name);
  }

  void forward() override {
    softmax_forward(ctx.threads, bottom().data, probabilities_.data(), view_);
    double loss = 0;
    std::int64_t valid = 0;
    for (std::int64_t o = 0; o < view_.outer; ++o) {
      for (std::int64_t i = 0; i < view_.inner; ++i) {
        const auto label = label_at(o, i);
        if (!label) continue;
        const float probability = probabilities_[static_cast<std::size_t>(place(o, *label, i))];
        // FLT_MIN comes second, so that a NaN stays one.
        loss -= static_cast<double>(std::log(std::max(probability, FLT_MIN)));
        ++valid;
      }
    }
    top().data[0] = static_cast<float>(loss) / normalization_.divisor(view_.outer, view_.inner, valid);
    if (ctx.tops.size() > 1) {
      std::memcpy(top(1).data, probabilities_.data(), probabilities_.size() * sizeof(float));
    }
  }

  // dx = (softmax(x) - onehot(label)) weight / divisor; zero at ignored positions.
  void backward() override {
    if (!ctx.propagate_down[0]) return;
    float* dx = bottom().diff;
    std::int64_t valid = 0;
    std::memcpy(dx, probabilities_.data(), probabilities_.size() * sizeof(float));
    for (std::int64_t o = 0; o < view_.outer; ++o) {
      for (std::int64_t i = 0; i < view_.inner; ++i) {
        const auto label = label_at(o, i);
        if (label) {
          dx[place(o, *label, i)] -= 1.0f;
          ++valid;
        } else {
          for (std::int64_t c = 0; c < view_.size; ++c) dx[place(o, c, i)] = 0.0f;
        }
      }
    }
    if (teacher_ != nullptr && teacher_->weight > 0) distil(dx);
    const float scale = top().diff[0] / normalization_.divisor(view_.outer, view_.inner, valid);
    for (std::int64_t i = 0; i < bottom().count(); ++i) dx[i] *= scale;
  }

  bool learn_from(const Teacher& teacher) override {
    if (view_.inner != 1) return false;
    teacher_ = &teacher;
    return true;
  }

  std::int64_t workspace_bytes() const override {
    return static_cast<std::int64_t>(probabilities_.size() * sizeof(float));
  }

 private:
  // dx = (1 - k) dx + k T (softmax(z / T) - softmax(t / T)), z the bottom and t the teacher's logits; ignored rows stay zero.
  void distil(float* dx) const {
    const std::int64_t classes = view_.size;
    const float weight = teacher_->weight;
    const float temperature = teacher_->temperature;
    std::vector<float> own(static_cast<std::size_t>(classes));
    std::vector<float> theirs(static_cast<std::size_t>(classes));
    for (std::int64_t o = 0; o < view_.outer; ++o) {
      if (!label_at(o, 0)) continue;
      softened(bottom().data + o * classes, temperature, own);
      softened(teacher_->logits.data() + o * classes, temperature, theirs);
      for (std::int64_t c = 0; c < classes; ++c) {
        const auto k = static_cast<std::size_t>(c);
        float& value = dx[o * classes + c];
        value = (1 - weight) * value + weight * temperature * (own[k] - theirs[k]);
      }
    }
  }

  static void softened(const float* logits, float temperature, std::vector<float>& to) {
    const float largest = *std::max_element(logits, logits + to.size());
    float sum = 0;
    for (std::size_t c = 0; c < to.size(); ++c) {
      to[c] = std::exp((logits[c] - largest) / temperature);
      sum += to[c];
    }
    for (float& value : to) value /= sum;
  }

  std::optional<std::int64_t> label_at(std::int64_t outer, std::int64_t inner) const {
    return read_label(bottom(1).data[outer * view_.inner + inner], view_.size, ignored_, ctx.name);
  }
  std::int64_t place(std::int64_t outer, std::int64_t c, std::int64_t inner) const {
    return (outer * view_.size + c) * view_.inner + inner;
  }

  AxisView view_;
  Normalization normalization_;
  std::optional<int> ignored_;
  std::vector<float> probabilities_;
  const Teacher* teacher_ = nullptr;
};

}  // namespace

void register_softmax_with_loss(LayerRegistry& registry) {
  registry["SoftmaxWithLoss"] = [](LayerContext context) {
    return std::make_unique<SoftmaxWithLoss>(std::move(context));
  };
}

}  // namespace olmp
