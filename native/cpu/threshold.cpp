#include <cstdint>
#include <memory>
#include <utility>

#include "cpu/ranges.h"
#include "cpu/register.h"

namespace olmp {
namespace {

// y = 1 where x > threshold, else 0. Has no gradient.
class Threshold final : public Layer {
 public:
  explicit Threshold(LayerContext context)
      : Layer(std::move(context)), threshold_(ctx.params.at("threshold").get<float>()) {}

  void forward() override {
    const float* x = bottom().data;
    float* y = top().data;
    const float threshold = threshold_;
    for_each_range(ctx.threads, bottom().count(), [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) y[i] = x[i] > threshold ? 1.0f : 0.0f;
    });
  }

 private:
  float threshold_;
};

}  // namespace

void register_threshold(LayerRegistry& registry) {
  registry["Threshold"] = [](LayerContext context) { return std::make_unique<Threshold>(std::move(context)); };
}

}  // namespace olmp
