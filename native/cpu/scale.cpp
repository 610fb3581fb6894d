// Caffe's Scale: y = x * factor (+ bias), the factor a parameter or the second bottom, spread over the other axes.
#include <cstring>

#include "cpu/channel_view.h"
#include "cpu/parallel.h"
#include "cpu/parameter_gradient.h"
#include "cpu/register.h"

namespace olmp {
namespace {

class Scale final : public Layer {
 public:
  explicit Scale(LayerContext context) : Layer(std::move(context)), bias_(ctx.params.at("bias_term").get<bool>()) {
    require((ctx.bottoms.size() == 1 || ctx.bottoms.size() == 2) && ctx.tops.size() == 1, ctx,
            "it needs one or two bottoms and one top.");
    learned_ = ctx.bottoms.size() == 1;
    require(ctx.parameters.size() == (learned_ ? 1U : 0U) + (bias_ ? 1U : 0U), ctx, "its parameters do not fit.");
    const Shape factor = learned_ ? ctx.parameters[0]->tensor.shape : bottom(1).shape;
    view_ = factor_view(ctx, bottom(), factor);
    if (bias_) require_shape(ctx, ctx.parameters.back()->tensor.shape, factor, "its bias");
    require(top().count() == bottom().count(), ctx, "its top must have the shape of its bottom.");
    const bool factor_gradient = learned_ ? ctx.parameter_gradients : wants_gradient(ctx, 1);
    // In place the factor's gradient still needs x.
    if (factor_gradient && top().data == bottom().data) saved_ = allocate_host(bottom().count(), "layer '" + ctx.name + "'");
  }

  void forward() override {
    const float* x = bottom().data;
    if (saved_ != nullptr) {
      std::memcpy(saved_.get(), x, static_cast<std::size_t>(bottom().count()) * sizeof(float));
    }
    const float* factor = factors();
    const float* bias = bias_ ? ctx.parameters.back()->effective : nullptr;
    float* y = top().data;
    for_each_row([&](std::int64_t channel, std::int64_t offset) {
      const float f = factor[channel];
      const float b = bias == nullptr ? 0.0F : bias[channel];
      for (std::int64_t i = 0; i < view_.inner; ++i) y[offset + i] = x[offset + i] * f + b;
    });
  }

  void backward() override {
    const float* dy = top().diff;
    const float* x = saved_ != nullptr ? saved_.get() : bottom().data;
    if (bias_ && ctx.parameter_gradients) add_sums(dy, nullptr, begin_addition(*ctx.parameters.back()));
    if (learned_ && ctx.parameter_gradients) {
      add_sums(dy, x, begin_addition(*ctx.parameters[0]));
    } else if (!learned_ && wants_gradient(ctx, 1)) {
      std::fill(bottom(1).diff, bottom(1).diff + bottom(1).count(), 0.0F);
      add_sums(dy, x, bottom(1).diff);
    }
    if (!wants_gradient(ctx, 0)) return;
    float* dx = bottom().diff;
    const float* factor = factors();
    for_each_row([&](std::int64_t channel, std::int64_t offset) {
      const float f = factor[channel];
      for (std::int64_t i = 0; i < view_.inner; ++i) dx[offset + i] = dy[offset + i] * f;
    });
  }

  std::int64_t workspace_bytes() const override {
    return saved_ == nullptr ? 0 : bottom().count() * static_cast<std::int64_t>(sizeof(float));
  }

 private:
  const float* factors() const { return learned_ ? ctx.parameters[0]->effective : bottom(1).data; }

  // body(channel, offset of its `inner` elements)
  template <typename Body>
  void for_each_row(const Body& body) const {
    parallel_for(ctx.threads, view_.outer * view_.channels, 1 + 16384 / view_.inner,
                 [&](std::int64_t first, std::int64_t last) {
                   for (std::int64_t row = first; row < last; ++row) body(row % view_.channels, row * view_.inner);
                 });
  }

  // to[channel] += sum over its elements of dy * x, or of dy alone.
  void add_sums(const float* dy, const float* x, float* to) const {
    for (std::int64_t channel = 0; channel < view_.channels; ++channel) {
      double sum = 0;
      for (std::int64_t o = 0; o < view_.outer; ++o) {
        const std::int64_t offset = (o * view_.channels + channel) * view_.inner;
        for (std::int64_t i = offset; i < offset + view_.inner; ++i) {
          sum += x == nullptr ? static_cast<double>(dy[i]) : static_cast<double>(dy[i]) * x[i];
        }
      }
      to[channel] += static_cast<float>(sum);
    }
  }

  bool bias_;
  bool learned_ = true;
  ChannelView view_;
  FloatBuffer saved_{nullptr, [](float*) {}};
};

}  // namespace

void register_scale(LayerRegistry& registry) {
  registry["Scale"] = [](LayerContext context) { return std::make_unique<Scale>(std::move(context)); };
}

}  // namespace olmp
