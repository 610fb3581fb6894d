// Layers with parameters. Caffe's rules are those of the CPU backend's files of the same names.
#include <algorithm>

#include "cpu/channel_view.h"
#include "cuda/cuda_layer.h"
#include "cuda/kernels/channel.h"
#include "cuda/kernels/neuron.h"

namespace olmp::cuda {
namespace {

Channels channels_of(const ChannelView& view) { return {view.outer, view.channels, view.inner}; }

// Null where the layer has no ReLU to do the work of. With a negative slope below 0 its gradient needs what it read, which
// is overwritten.
const FusedRectifier* take_rectifier(const LayerContext& context) {
  if (context.rectifier == nullptr || context.rectifier->negative_slope < 0) return nullptr;
  context.rectifier->taken = true;
  return context.rectifier;
}

// What comes after the product of a layer with weights: its bias, and the ReLU's work.
void bias_forward(const Stream& stream, const Channels& view, const Parameter* bias, const FusedRectifier* rectifier,
                    float* y) {
  const float* values = bias == nullptr ? nullptr : bias->effective;
  if (rectifier != nullptr) {
    bias_rectify(stream, view, values, rectifier->negative_slope, y);
  } else if (values != nullptr) {
    channel_affine(stream, view, y, nullptr, values, y);
  }
}

// What comes before: the ReLU's gradient in place of its top's, and the bias's = beta times itself + sums, unless null.
void bias_backward(const Stream& stream, const Channels& view, const FusedRectifier* rectifier, const Tensor& top,
                    float beta, float* bias_gradient) {
  if (rectifier == nullptr) {
    if (bias_gradient != nullptr) channel_sums(stream, view, top.diff, nullptr, beta, bias_gradient);
  } else if (bias_gradient != nullptr) {
    rectified_channel_sums(stream, view, top.data, rectifier->negative_slope, beta, top.diff, bias_gradient);
  } else {
    const NeuronFunction relu{Neuron::kReLU, rectifier->negative_slope};
    neuron_backward(stream, relu, top.diff, top.data, top.data, top.diff, top.count());
  }
}

// Convolution, and Deconvolution as its transpose: there the geometry is that of a convolution from top to bottom.
class ConvolutionLayer final : public CudaLayer {
 public:
  ConvolutionLayer(LayerContext context, Device& device)
      : CudaLayer(std::move(context), device),
        transposed_(ctx.type == "Deconvolution"),
        bias_(ctx.params.at("bias_term").get<bool>()),
        geometry_(convolution_geometry(ctx, transposed_ ? top().shape : bottom().shape)) {
    ConvolutionGeometry& g = geometry_;
    require_not_in_place(ctx);
    const auto axis = ctx.params.at("axis").get<std::size_t>();
    require(axis < bottom().shape.size(), ctx, "its channel axis lies outside the bottom.");
    const int outputs = ctx.params.at("num_output").get<int>();
    if (transposed_) g.outputs = bottom().shape[axis];
    require(g.outputs > 0 && g.group > 0 && g.channels % g.group == 0 && g.outputs % g.group == 0 &&
                (!transposed_ || outputs == g.channels),
            ctx, "its channels and its outputs must be divisible by its group.");
    Shape weights{g.outputs, g.channels / g.group};
    for (const int size : ctx.params.at("kernel_size")) weights.push_back(size);
    std::vector<Shape> shapes{weights};
    if (bias_) shapes.push_back({outputs});
    require_parameters(ctx, shapes);
    require(!ctx.bottoms.empty() && ctx.bottoms.size() == ctx.tops.size(), ctx, "it needs as many tops as bottoms.");
    for (std::size_t i = 0; i < ctx.bottoms.size(); ++i) {
      const Tensor& from = transposed_ ? top(i) : bottom(i);
      const Tensor& to = transposed_ ? bottom(i) : top(i);
      require_shape(ctx, from.shape, (transposed_ ? top() : bottom()).shape, "blob '" + from.name + "'");
      require(to.count() == g.images * g.output_count(), ctx,
              "blob '" + top(i).name + "' has the shape " + shape_text(top(i).shape) + ", which its kernel does not make.");
    }
    convolver_ = device_.make_convolver(geometry_);
    rectifier_ = take_rectifier(ctx);
  }

  void forward() override {
    const float* weights = ctx.parameters[0]->effective;
    for (std::size_t i = 0; i < ctx.bottoms.size(); ++i) {
      if (transposed_) {
        convolver_->backward_data(weights, bottom(i).data, top(i).data);
      } else {
        convolver_->forward(bottom(i).data, weights, top(i).data);
      }
      bias_forward(stream(), top_view(), bias_ ? ctx.parameters[1] : nullptr, rectifier_, top(i).data);
    }
  }

  void backward() override {
    for (std::size_t i = 0; i < ctx.bottoms.size(); ++i) {
      begin_backward(i);
      if (ctx.parameter_gradients) {
        // Caffe accumulates over the bottoms; only the first meets what was there before.
        Parameter& weights = *ctx.parameters[0];
        const float beta = i == 0 ? begin_gradient(weights) : 1.0F;
        const float* x = transposed_ ? top(i).diff : bottom(i).data;
        const float* dy = transposed_ ? bottom(i).data : top(i).diff;
        convolver_->backward_weights(x, dy, beta, weights.tensor.diff);
      }
      if (!wants(i)) continue;
      if (transposed_) {
        convolver_->forward(top(i).diff, ctx.parameters[0]->effective, bottom(i).diff);
      } else {
        convolver_->backward_data(ctx.parameters[0]->effective, top(i).diff, bottom(i).diff);
      }
    }
  }

  // Images of a chunk as columns, their gradients one by one, the squares of these added: never those of all images at once.
  bool add_squared_gradients(const SquareSums& sums) override {
    if (transposed_) return false;
    for (std::size_t i = 0; i < ctx.bottoms.size(); ++i) {
      if (float* to = sums(*ctx.parameters[0])) add_squared_gradients(bottom(i).data, top(i).diff, to);
      float* biases = bias_ ? sums(*ctx.parameters[1]) : nullptr;
      if (biases == nullptr) continue;
      const Channels view = top_view();
      add_squared_channel_sums(stream(), view, top(i).diff, device_.scratch(view.outer * view.channels), biases);
    }
    return true;
  }

 private:
  // The bias's gradient, and the ReLU's where its work is this layer's.
  void begin_backward(std::size_t i) {
    const bool biased = bias_ && ctx.parameter_gradients;
    // Caffe accumulates over the bottoms; only the first meets what was there before.
    const float beta = biased && i == 0 ? begin_gradient(*ctx.parameters[1]) : 1.0F;
    bias_backward(stream(), top_view(), rectifier_, top(i), beta, biased ? ctx.parameters[1]->tensor.diff : nullptr);
  }

  void add_squared_gradients(const float* x, const float* dy, float* to) {
    const ConvolutionGeometry& g = geometry_;
    const Index points = g.output_points();
    const Index width = g.rows() / g.group;  // of a row of the weights
    const Index outputs = g.outputs / g.group;
    const Index weights = g.outputs * width;
    constexpr Index kFloats = Index{1} << 24;
    const Index chunk = std::min(g.images, std::max<Index>(1, kFloats / (g.columns_count() + weights)));
    float* columns = device_.scratch(chunk * (g.columns_count() + weights));
    float* gradients = columns + chunk * g.columns_count();
    const Columns geometry = columns_of(g);
    for (Index first = 0; first < g.images; first += chunk) {
      const Index images = std::min(chunk, g.images - first);
      images_to_columns(stream(), geometry, images, x + first * g.input_count(), columns);
      const Product product{false,  true,   outputs,          width,   points, 0,
                            images, g.output_count(), g.columns_count(), weights};
      for (Index group = 0; group < g.group; ++group) {
        device_.multiply(product, dy + first * g.output_count() + group * outputs * points,
                         columns + group * width * points, gradients + group * outputs * width);
      }
      add_squares(stream(), to, gradients, images, weights);
    }
  }

  Channels top_view() const {
    return transposed_ ? Channels{geometry_.images, geometry_.channels, geometry_.input_points()}
                       : Channels{geometry_.images, geometry_.outputs, geometry_.output_points()};
  }

  bool transposed_;
  bool bias_;
  ConvolutionGeometry geometry_;
  std::unique_ptr<Convolver> convolver_;
  const FusedRectifier* rectifier_ = nullptr;
};

// X (rows, inputs), W (outputs, inputs) or transposed (inputs, outputs), Y (rows, outputs)
class InnerProduct final : public CudaLayer {
 public:
  InnerProduct(LayerContext context, Device& device)
      : CudaLayer(std::move(context), device),
        outputs_(ctx.params.at("num_output").get<int>()),
        bias_(ctx.params.at("bias_term").get<bool>()),
        transposed_(ctx.params.at("transpose").get<bool>()) {
    require_blobs(ctx, 1, 1);
    require_not_in_place(ctx);
    const int axis = ctx.params.at("axis").get<int>();
    require(axis >= 0 && static_cast<std::size_t>(axis) <= bottom().shape.size(), ctx,
            "its axis lies outside blob '" + bottom().name + "'.");
    rows_ = bottom().outer(axis);
    inputs_ = bottom().inner(axis);
    const int inputs = static_cast<int>(inputs_);
    std::vector<Shape> shapes{transposed_ ? Shape{inputs, outputs_} : Shape{outputs_, inputs}};
    if (bias_) shapes.push_back({outputs_});
    require_parameters(ctx, shapes);
    require(top().count() == rows_ * outputs_, ctx, "blob '" + top().name + "' does not fit its number of outputs.");
    rectifier_ = take_rectifier(ctx);
  }

  void forward() override {
    const Product product{false, !transposed_, rows_, outputs_, inputs_};
    device_.multiply(product, bottom().data, ctx.parameters[0]->effective, top().data);
    bias_forward(stream(), view(), bias_ ? ctx.parameters[1] : nullptr, rectifier_, top().data);
  }

  void backward() override {
    const float* dy = top().diff;
    const bool biased = bias_ && ctx.parameter_gradients;
    bias_backward(stream(), view(), rectifier_, top(), biased ? begin_gradient(*ctx.parameters[1]) : 1.0F,
                   biased ? ctx.parameters[1]->tensor.diff : nullptr);
    if (ctx.parameter_gradients) {
      Parameter& weights = *ctx.parameters[0];
      const float beta = begin_gradient(weights);
      if (transposed_) {
        device_.multiply({true, false, inputs_, outputs_, rows_, beta}, bottom().data, dy, weights.tensor.diff);
      } else {
        device_.multiply({true, false, outputs_, inputs_, rows_, beta}, dy, bottom().data, weights.tensor.diff);
      }
    }
    if (wants(0)) {
      device_.multiply({false, transposed_, rows_, inputs_, outputs_}, dy, ctx.parameters[0]->effective, bottom().diff);
    }
  }

  // The squares of all rows' gradients are (dY^2)^T (X^2).
  bool add_squared_gradients(const SquareSums& sums) override {
    if (float* to = sums(*ctx.parameters[0])) {
      float* x = device_.scratch(rows_ * (inputs_ + outputs_));
      float* dy = x + rows_ * inputs_;
      square(stream(), x, bottom().data, rows_ * inputs_);
      square(stream(), dy, top().diff, rows_ * outputs_);
      if (transposed_) {
        device_.multiply({true, false, inputs_, outputs_, rows_, 1}, x, dy, to);
      } else {
        device_.multiply({true, false, outputs_, inputs_, rows_, 1}, dy, x, to);
      }
    }
    float* biases = bias_ ? sums(*ctx.parameters[1]) : nullptr;
    if (biases != nullptr) add_squared_channel_sums(stream(), view(), top().diff, nullptr, biases);
    return true;
  }

 private:
  Channels view() const { return {rows_, outputs_, 1}; }

  int outputs_;
  bool bias_;
  bool transposed_;
  Index rows_ = 0;
  Index inputs_ = 0;
  const FusedRectifier* rectifier_ = nullptr;
};

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
  registry["Convolution"] = make<ConvolutionLayer>;
  registry["Deconvolution"] = make<ConvolutionLayer>;
  registry["InnerProduct"] = make<InnerProduct>;
  registry["Embed"] = make<Embed>;
  registry["BatchNorm"] = make<BatchNorm>;
  registry["Scale"] = make<Scale>;
  registry["Bias"] = make<Bias>;
  registry["PReLU"] = make<PReLU>;
}

}  // namespace olmp::cuda
