// Layers with parameters that are not pruned. Caffe's rules are those of the CPU backend's files of the same names.
#include "cpu/channel_view.h"
#include "cuda/cuda_layer.h"
#include "cuda/kernels/channel.h"

namespace olmp::cuda {
namespace {

Channels channels_of(const ChannelView& view) { return {view.outer, view.channels, view.inner}; }

class Embed final : public CudaLayer {
 public:
  Embed(LayerContext context, Device& device)
      : CudaLayer(std::move(context), device),
        outputs_(ctx.params.at("num_output").get<int>()),
        inputs_(ctx.params.at("input_dim").get<int>()),
        bias_(ctx.params.at("bias_term").get<bool>()),
        place_(device.place_of(ctx.name)) {
    require_blobs(ctx, 1, 1);
    require_not_in_place(ctx);
    std::vector<Shape> shapes{{inputs_, outputs_}};
    if (bias_) shapes.push_back({outputs_});
    require_parameters(ctx, shapes);
    require(top().count() == bottom().count() * outputs_, ctx, "blob '" + top().name + "' does not fit its outputs.");
  }

  void forward() override {
    embed_forward(stream(), place_, bottom().data, bottom().count(), inputs_, outputs_, ctx.parameters[0]->effective,
                  bias_ ? ctx.parameters[1]->effective : nullptr, top().data);
  }

  void backward() override {
    if (!ctx.parameter_gradients) return;
    embed_backward(stream(), bottom().data, bottom().count(), inputs_, outputs_, top().diff,
                   begin_addition(*ctx.parameters[0]));
    if (bias_) {
      channel_sums(stream(), {bottom().count(), outputs_, 1}, top().diff, nullptr,
                   begin_gradient(*ctx.parameters[1]), ctx.parameters[1]->tensor.diff);
    }
  }

 private:
  int outputs_;
  int inputs_;
  bool bias_;
  FaultPlace place_;
};

class BatchNorm final : public CudaLayer {
 public:
  BatchNorm(LayerContext context, Device& device)
      : CudaLayer(std::move(context), device), view_(channels_of(second_axis_view(bottom()))) {
    numbers_.global = ctx.params.at("use_global_stats").get<bool>();
    numbers_.fraction = ctx.params.at("moving_average_fraction").get<float>();
    numbers_.eps = ctx.params.at("eps").get<float>();
    require_blobs(ctx, 1, 1);
    const int channels = static_cast<int>(view_.channels);
    require_parameters(ctx, {{channels}, {channels}, {1}});
    require(top().count() == bottom().count(), ctx, "its top must have the shape of its bottom.");
    deviation_ = workspace(channels);
    // Later layers may work in place on the top.
    if (!numbers_.global && wants(0)) normalised_ = workspace(bottom().count());
  }

  void forward() override {
    batch_norm_forward(stream(), view_, numbers_, bottom().data, ctx.parameters[0]->tensor.data,
                       ctx.parameters[1]->tensor.data, ctx.parameters[2]->tensor.data, deviation_.get(), top().data,
                       normalised_.get());
  }

  void backward() override {
    if (!wants(0)) return;
    batch_norm_backward(stream(), view_, numbers_.global, top().diff, normalised_.get(), deviation_.get(),
                        bottom().diff);
  }

 private:
  Channels view_;
  BatchNormNumbers numbers_;
  FloatBuffer deviation_ = no_buffer();
  FloatBuffer normalised_ = no_buffer();
};

// y = x * factor + bias; the factor is a parameter or the second bottom.
class Scale final : public CudaLayer {
 public:
  Scale(LayerContext context, Device& device)
      : CudaLayer(std::move(context), device), bias_(ctx.params.at("bias_term").get<bool>()) {
    require((ctx.bottoms.size() == 1 || ctx.bottoms.size() == 2) && ctx.tops.size() == 1, ctx,
            "it needs one or two bottoms and one top.");
    learned_ = ctx.bottoms.size() == 1;
    require(ctx.parameters.size() == (learned_ ? 1U : 0U) + (bias_ ? 1U : 0U), ctx, "its parameters do not fit.");
    const Shape factor = learned_ ? ctx.parameters[0]->tensor.shape : bottom(1).shape;
    view_ = channels_of(factor_view(ctx, bottom(), factor));
    if (bias_) require_shape(ctx, ctx.parameters.back()->tensor.shape, factor, "its bias");
    require(top().count() == bottom().count(), ctx, "its top must have the shape of its bottom.");
    const bool factor_gradient = learned_ ? ctx.parameter_gradients : wants(1);
    // In place the factor's gradient still needs x.
    if (factor_gradient && top().data == bottom().data) saved_ = workspace(bottom().count());
  }

  void forward() override {
    if (saved_) copy(saved_.get(), bottom().data, bottom().count());
    channel_affine(stream(), view_, bottom().data, factors(), bias_ ? ctx.parameters.back()->effective : nullptr,
                   top().data);
  }

  void backward() override {
    const float* dy = top().diff;
    const float* x = saved_ ? saved_.get() : bottom().data;
    if (bias_ && ctx.parameter_gradients) {
      Parameter& bias = *ctx.parameters.back();
      channel_sums(stream(), view_, dy, nullptr, begin_gradient(bias), bias.tensor.diff);
    }
    if (learned_ && ctx.parameter_gradients) {
      channel_sums(stream(), view_, dy, x, begin_gradient(*ctx.parameters[0]), ctx.parameters[0]->tensor.diff);
    } else if (!learned_ && wants(1)) {
      channel_sums(stream(), view_, dy, x, 0, bottom(1).diff);
    }
    if (wants(0)) channel_affine(stream(), view_, dy, factors(), nullptr, bottom().diff);
  }

 private:
  const float* factors() const { return learned_ ? ctx.parameters[0]->effective : bottom(1).data; }

  bool bias_;
  bool learned_ = true;
  Channels view_;
  FloatBuffer saved_ = no_buffer();
};

// y = x + bias; the bias is a parameter or the second bottom.
class Bias final : public CudaLayer {
 public:
  Bias(LayerContext context, Device& device)
      : CudaLayer(std::move(context), device), learned_(ctx.bottoms.size() == 1) {
    require((ctx.bottoms.size() == 1 || ctx.bottoms.size() == 2) && ctx.tops.size() == 1, ctx,
            "it needs one or two bottoms and one top.");
    require(ctx.parameters.size() == (learned_ ? 1U : 0U), ctx, "its parameters do not fit.");
    view_ = channels_of(factor_view(ctx, bottom(), learned_ ? ctx.parameters[0]->tensor.shape : bottom(1).shape));
    require(top().count() == bottom().count(), ctx, "its top must have the shape of its bottom.");
  }

  void forward() override {
    channel_affine(stream(), view_, bottom().data, nullptr, learned_ ? ctx.parameters[0]->effective : bottom(1).data,
                   top().data);
  }

  void backward() override {
    if (learned_ && ctx.parameter_gradients) {
      channel_sums(stream(), view_, top().diff, nullptr, begin_gradient(*ctx.parameters[0]),
                   ctx.parameters[0]->tensor.diff);
    } else if (!learned_ && wants(1)) {
      channel_sums(stream(), view_, top().diff, nullptr, 0, bottom(1).diff);
    }
    if (wants(0)) copy(bottom().diff, top().diff, top().count());
  }

 private:
  bool learned_;
  Channels view_;
};

class PReLU final : public CudaLayer {
 public:
  PReLU(LayerContext context, Device& device)
      : CudaLayer(std::move(context), device),
        view_(channels_of(second_axis_view(bottom()))),
        shared_(ctx.params.at("channel_shared").get<bool>()) {
    require_blobs(ctx, 1, 1);
    require_parameters(ctx, {shared_ ? Shape{} : Shape{static_cast<int>(view_.channels)}});
    require(top().count() == bottom().count(), ctx, "its top must have the shape of its bottom.");
    // In place both gradients still need the sign and value of x.
    if (top().data == bottom().data && (ctx.parameter_gradients || wants(0))) saved_ = workspace(bottom().count());
  }

  void forward() override {
    prelu_forward(stream(), view_, shared_, bottom().data, ctx.parameters[0]->effective, top().data, saved_.get());
  }

  void backward() override {
    const float* x = saved_ ? saved_.get() : bottom().data;
    if (ctx.parameter_gradients) {
      prelu_slope_gradient(stream(), view_, shared_, top().diff, x, begin_addition(*ctx.parameters[0]));
    }
    if (wants(0)) {
      prelu_backward(stream(), view_, shared_, top().diff, x, ctx.parameters[0]->effective, bottom().diff);
    }
  }

 private:
  Channels view_;
  bool shared_;
  FloatBuffer saved_ = no_buffer();
};

}  // namespace

void add_learnable_layers(DeviceLayerRegistry& registry) {
  registry["Embed"] = make<Embed>;
  registry["BatchNorm"] = make<BatchNorm>;
  registry["Scale"] = make<Scale>;
  registry["Bias"] = make<Bias>;
  registry["PReLU"] = make<PReLU>;
}

}  // namespace olmp::cuda
