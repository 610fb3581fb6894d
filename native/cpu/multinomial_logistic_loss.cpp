#include <algorithm>
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

// -log p(label), the mean over the batch; bottom 0 holds probabilities.
class MultinomialLogisticLoss final : public Layer {
 public:
  explicit MultinomialLogisticLoss(LayerContext context)
      : Layer(std::move(context)),
        batch_(std::max<std::int64_t>(1, batch_size(bottom()))),
        classes_(bottom().count() / batch_) {
    require_count(bottom(1), batch_, ctx.name);
  }

  void forward() override {
    double loss = 0;
    for (std::int64_t n = 0; n < batch_; ++n) loss -= static_cast<double>(std::log(probability(place(n))));
    top().data[0] = static_cast<float>(loss) / static_cast<float>(batch_);
  }

  void backward() override {
    if (!ctx.propagate_down[0]) return;
    std::fill_n(bottom().diff, bottom().count(), 0.0f);
    const float scale = -top().diff[0] / static_cast<float>(batch_);
    for (std::int64_t n = 0; n < batch_; ++n) bottom().diff[place(n)] = scale / probability(place(n));
  }

 private:
  std::int64_t place(std::int64_t n) const {
    return n * classes_ + *read_label(bottom(1).data[n], classes_, std::nullopt, ctx.name);
  }
  float probability(std::int64_t place) const { return std::max(bottom().data[place], kLogThreshold); }

  std::int64_t batch_;
  std::int64_t classes_;
};

}  // namespace

void register_multinomial_logistic_loss(LayerRegistry& registry) {
  registry["MultinomialLogisticLoss"] = [](LayerContext context) {
    return std::make_unique<MultinomialLogisticLoss>(std::move(context));
  };
}

}  // namespace olmp
