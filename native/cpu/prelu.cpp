// Caffe's PReLU: y = max(x, 0) + slope * min(x, 0), one slope per channel or one for all.
#include <algorithm>

#include "cpu/channel_view.h"
#include "cpu/parallel.h"
#include "cpu/parameter_gradient.h"
#include "cpu/register.h"

namespace olmp {
namespace {

class PReLU final : public Layer {
 public:
  explicit PReLU(LayerContext context) : Layer(std::move(context)), view_(second_axis_view(bottom())) {
    require_blobs(ctx, 1, 1);
    shared_ = ctx.params.at("channel_shared").get<bool>();
    require_parameters(ctx, {shared_ ? Shape{} : Shape{static_cast<int>(view_.channels)}});
    require(top().count() == bottom().count(), ctx, "its top must have the shape of its bottom.");
    // In place both gradients still need the sign and value of x.
    if (top().data == bottom().data && (ctx.parameter_gradients || wants_gradient(ctx, 0))) {
      saved_ = allocate_host(bottom().count(), "layer '" + ctx.name + "'");
    }
  }

  void forward() override {
    const float* x = bottom().data;
    if (saved_ != nullptr) std::copy(x, x + bottom().count(), saved_.get());
    float* y = top().data;
    const float* slopes = ctx.parameters[0]->effective;
    for_each_row([&](std::int64_t channel, std::int64_t offset) {
      const float slope = slopes[shared_ ? 0 : channel];
      for (std::int64_t i = offset; i < offset + view_.inner; ++i) {
        y[i] = std::max(x[i], 0.0F) + slope * std::min(x[i], 0.0F);
      }
    });
  }

  void backward() override {
    const float* x = saved_ != nullptr ? saved_.get() : bottom().data;
    const float* dy = top().diff;
    if (ctx.parameter_gradients) {
      float* diff = begin_addition(*ctx.parameters[0]);
      for (std::int64_t channel = 0; channel < view_.channels; ++channel) {
        double sum = 0;
        for (std::int64_t o = 0; o < view_.outer; ++o) {
          const std::int64_t offset = (o * view_.channels + channel) * view_.inner;
          for (std::int64_t i = offset; i < offset + view_.inner; ++i) sum += x[i] <= 0 ? dy[i] * x[i] : 0.0F;
        }
        diff[shared_ ? 0 : channel] += static_cast<float>(sum);
      }
    }
    if (!wants_gradient(ctx, 0)) return;
    float* dx = bottom().diff;
    const float* slopes = ctx.parameters[0]->effective;
    for_each_row([&](std::int64_t channel, std::int64_t offset) {
      const float slope = slopes[shared_ ? 0 : channel];
      for (std::int64_t i = offset; i < offset + view_.inner; ++i) dx[i] = dy[i] * (x[i] > 0 ? 1.0F : slope);
    });
  }

  std::int64_t workspace_bytes() const override {
    return saved_ == nullptr ? 0 : bottom().count() * static_cast<std::int64_t>(sizeof(float));
  }

 private:
  template <typename Body>
  void for_each_row(const Body& body) const {
    parallel_for(ctx.threads, view_.outer * view_.channels, 1 + 16384 / view_.inner,
                 [&](std::int64_t first, std::int64_t last) {
                   for (std::int64_t row = first; row < last; ++row) body(row % view_.channels, row * view_.inner);
                 });
  }

  ChannelView view_;
  bool shared_ = false;
  FloatBuffer saved_{nullptr, [](float*) {}};
};

}  // namespace

void register_prelu(LayerRegistry& registry) {
  registry["PReLU"] = [](LayerContext context) { return std::make_unique<PReLU>(std::move(context)); };
}

}  // namespace olmp
