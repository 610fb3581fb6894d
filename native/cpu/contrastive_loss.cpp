#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "cpu/axis_view.h"
#include "cpu/register.h"

namespace olmp {
namespace {

// Hadsell, Chopra, LeCun 2006: with d = |a_n - b_n| a similar pair costs d^2, a dissimilar one max(margin - d, 0)^2;
// legacy (Caffe before 2015): max(margin - d^2, 0). Mean over the batch, halved.
class ContrastiveLoss final : public Layer {
 public:
  explicit ContrastiveLoss(LayerContext context)
      : Layer(std::move(context)),
        margin_(ctx.params.at("margin").get<float>()),
        legacy_(ctx.params.at("legacy_version").get<bool>()),
        batch_(std::max<std::int64_t>(1, batch_size(bottom()))),
        length_(bottom().count() / batch_),
        squared_distance_(static_cast<std::size_t>(batch_)) {
    require_count(bottom(1), bottom().count(), ctx.name);
    require_count(bottom(2), batch_, ctx.name);
  }

  void forward() override {
    double loss = 0;
    for (std::int64_t n = 0; n < batch_; ++n) {
      const float* a = bottom(0).data + n * length_;
      const float* b = bottom(1).data + n * length_;
      double sum = 0;
      for (std::int64_t i = 0; i < length_; ++i) {
        const auto difference = static_cast<double>(a[i] - b[i]);
        sum += difference * difference;
      }
      const auto squared = static_cast<float>(sum);
      squared_distance_[static_cast<std::size_t>(n)] = squared;
      if (similar(n)) {
        loss += sum;
      } else if (legacy_) {
        loss += static_cast<double>(std::max(margin_ - squared, 0.0f));
      } else {
        const auto gap = static_cast<double>(std::max(margin_ - std::sqrt(squared), 0.0f));
        loss += gap * gap;
      }
    }
    top().data[0] = static_cast<float>(loss) / static_cast<float>(batch_) / 2.0f;
  }

  void backward() override {
    for (std::size_t k = 0; k < 2; ++k) {
      if (!ctx.propagate_down[k]) continue;
      const float scale = (k == 0 ? 1.0f : -1.0f) * top().diff[0] / static_cast<float>(batch_);
      for (std::int64_t n = 0; n < batch_; ++n) {
        const float* a = bottom(0).data + n * length_;
        const float* b = bottom(1).data + n * length_;
        float* dx = bottom(k).diff + n * length_;
        const float factor = scale * slope(n);
        for (std::int64_t i = 0; i < length_; ++i) dx[i] = factor * (a[i] - b[i]);
      }
    }
  }

  std::int64_t workspace_bytes() const override {
    return static_cast<std::int64_t>(squared_distance_.size() * sizeof(float));
  }

 private:
  bool similar(std::int64_t n) const { return std::trunc(bottom(2).data[n]) != 0.0f; }

  // The factor of (a_n - b_n) in the gradient.
  float slope(std::int64_t n) const {
    if (similar(n)) return 1.0f;
    const float squared = squared_distance_[static_cast<std::size_t>(n)];
    if (legacy_) return margin_ - squared > 0.0f ? -1.0f : 0.0f;
    const float distance = std::sqrt(squared);
    // 1e-4 against 0/0 at distance 0: Caffe's constant.
    return margin_ - distance > 0.0f ? -(margin_ - distance) / (distance + 1e-4f) : 0.0f;
  }

  float margin_;
  bool legacy_;
  std::int64_t batch_;
  std::int64_t length_;
  std::vector<float> squared_distance_;
};

}  // namespace

void register_contrastive_loss(LayerRegistry& registry) {
  registry["ContrastiveLoss"] = [](LayerContext context) {
    return std::make_unique<ContrastiveLoss>(std::move(context));
  };
}

}  // namespace olmp
