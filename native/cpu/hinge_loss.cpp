#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "cpu/axis_view.h"
#include "cpu/loss.h"
#include "cpu/register.h"
#include "engine/error.h"

namespace olmp {
namespace {

// One-versus-all hinge loss: the mean over the batch of the sum over classes of max(0, 1 - s x), or its square (L2),
// with s = 1 for the true class and -1 for the others.
class HingeLoss final : public Layer {
 public:
  explicit HingeLoss(LayerContext context)
      : Layer(std::move(context)),
        batch_(std::max<std::int64_t>(1, batch_size(bottom()))),
        classes_(bottom().count() / batch_) {
    const auto norm = ctx.params.at("norm").get<std::string>();
    if (norm != "L1" && norm != "L2") {
      throw Error("bad-parameter", "layer '" + ctx.name + "': unknown norm '" + norm + "' (L1 and L2 are known)");
    }
    squared_ = norm == "L2";
    require_count(bottom(1), batch_, ctx.name);
  }

  void forward() override {
    double loss = 0;
    for (std::int64_t n = 0; n < batch_; ++n) {
      const std::int64_t label = label_of(n);
      for (std::int64_t c = 0; c < classes_; ++c) {
        const auto violation = static_cast<double>(violation_at(n, c, label));
        loss += squared_ ? violation * violation : violation;
      }
    }
    top().data[0] = static_cast<float>(loss) / static_cast<float>(batch_);
  }

  void backward() override {
    if (!ctx.propagate_down[0]) return;
    const float scale = top().diff[0] / static_cast<float>(batch_);
    for (std::int64_t n = 0; n < batch_; ++n) {
      const std::int64_t label = label_of(n);
      for (std::int64_t c = 0; c < classes_; ++c) {
        const float violation = violation_at(n, c, label);
        const float slope = squared_ ? 2.0f * violation : (violation > 0.0f ? 1.0f : 0.0f);
        bottom().diff[n * classes_ + c] = (c == label ? -slope : slope) * scale;
      }
    }
  }

 private:
  std::int64_t label_of(std::int64_t n) const {
    return *read_label(bottom(1).data[n], classes_, std::nullopt, ctx.name);
  }
  float violation_at(std::int64_t n, std::int64_t c, std::int64_t label) const {
    const float x = bottom().data[n * classes_ + c];
    return std::max(1.0f + (c == label ? -x : x), 0.0f);
  }

  std::int64_t batch_;
  std::int64_t classes_;
  bool squared_ = false;
};

}  // namespace

void register_hinge_loss(LayerRegistry& registry) {
  registry["HingeLoss"] = [](LayerContext context) { return std::make_unique<HingeLoss>(std::move(context)); };
}

}  // namespace olmp
