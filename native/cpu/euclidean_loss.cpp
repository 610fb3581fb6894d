#include <cstdint>
#include <memory>
#include <utility>

#include "cpu/axis_view.h"
#include "cpu/register.h"

namespace olmp {
namespace {

// |a - b|^2 / (2 N). Both bottoms get a gradient.
class EuclideanLoss final : public Layer {
 public:
  explicit EuclideanLoss(LayerContext context)
      : Layer(std::move(context)), batch_(static_cast<float>(batch_size(bottom()))) {
    require_count(bottom(1), bottom().count(), ctx.name);
  }

  void forward() override {
    const float* a = bottom(0).data;
    const float* b = bottom(1).data;
    double sum = 0;
    for (std::int64_t i = 0; i < bottom().count(); ++i) {
      const auto difference = static_cast<double>(a[i] - b[i]);
      sum += difference * difference;
    }
    top().data[0] = static_cast<float>(sum) / batch_ / 2.0f;
  }

  void backward() override {
    const float* a = bottom(0).data;
    const float* b = bottom(1).data;
    for (std::size_t k = 0; k < 2; ++k) {
      if (!ctx.propagate_down[k]) continue;
      const float scale = (k == 0 ? 1.0f : -1.0f) * top().diff[0] / batch_;
      float* dx = bottom(k).diff;
      for (std::int64_t i = 0; i < bottom().count(); ++i) dx[i] = scale * (a[i] - b[i]);
    }
  }

 private:
  float batch_;
};

}  // namespace

void register_euclidean_loss(LayerRegistry& registry) {
  registry["EuclideanLoss"] = [](LayerContext context) { return std::make_unique<EuclideanLoss>(std::move(context)); };
}

}  // namespace olmp
