// Caffe's Bias: y = x + bias, the bias a parameter or the second bottom, spread over the other axes.
#include "cpu/channel_bias.h"
#include "cpu/channel_view.h"
#include "cpu/parameter_gradient.h"
#include "cpu/register.h"

namespace olmp {
namespace {

class Bias final : public Layer {
 public:
  explicit Bias(LayerContext context) : Layer(std::move(context)), learned_(ctx.bottoms.size() == 1) {
    require((ctx.bottoms.size() == 1 || ctx.bottoms.size() == 2) && ctx.tops.size() == 1, ctx,
            "it needs one or two bottoms and one top.");
    require(ctx.parameters.size() == (learned_ ? 1U : 0U), ctx, "its parameters do not fit.");
    view_ = factor_view(ctx, bottom(), learned_ ? ctx.parameters[0]->tensor.shape : bottom(1).shape);
    require(top().count() == bottom().count(), ctx, "its top must have the shape of its bottom.");
  }

  void forward() override {
    if (top().data != bottom().data) std::copy(bottom().data, bottom().data + bottom().count(), top().data);
    add_channel_bias(top().data, learned_ ? ctx.parameters[0]->effective : bottom(1).data, view_.outer, view_.channels,
                     view_.inner);
  }

  void backward() override {
    if (learned_ && ctx.parameter_gradients) {
      sum_into(begin_addition(*ctx.parameters[0]));
    } else if (!learned_ && wants_gradient(ctx, 1)) {
      std::fill(bottom(1).diff, bottom(1).diff + bottom(1).count(), 0.0F);
      sum_into(bottom(1).diff);
    }
    if (wants_gradient(ctx, 0) && bottom().diff != top().diff) {
      std::copy(top().diff, top().diff + top().count(), bottom().diff);
    }
  }

 private:
  void sum_into(float* diff) const {
    add_channel_sums(diff, top().diff, view_.outer, view_.channels, view_.inner, ctx.threads);
  }

  bool learned_;
  ChannelView view_;
};

}  // namespace

void register_bias(LayerRegistry& registry) {
  registry["Bias"] = [](LayerContext context) { return std::make_unique<Bias>(std::move(context)); };
}

}  // namespace olmp
