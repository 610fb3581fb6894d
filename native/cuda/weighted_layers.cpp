// The layers whose weights are pruned, and Deconvolution. Caffe's rules are those of the CPU backend's files of the same
// names.
#include <algorithm>

#include "cuda/cuda_layer.h"
#include "cuda/kernels/channel.h"
#include "cuda/kernels/neuron.h"
#include "cuda/small_convolution.h"

namespace olmp::cuda {
namespace {

// What comes after a layer's products, and before the backward ones: its bias, and a ReLU's work where it does that too.
class WeightedLayer : public CudaLayer {
 public:
  WeightedLayer(LayerContext context, Device& device)
      : CudaLayer(std::move(context), device), bias_(ctx.params.at("bias_term").get<bool>()) {}

 protected:
  // To be called by constructors, once the layer is known to be sound. With a negative slope below 0 the ReLU's gradient
  // needs what it read, which is overwritten.
  void take_rectifier() {
    if (ctx.rectifier == nullptr || ctx.rectifier->negative_slope < 0) return;
    ctx.rectifier->taken = true;
    rectifier_ = ctx.rectifier;
  }

  const float* bias() const { return bias_ ? ctx.parameters[1]->effective : nullptr; }

  // `candidates`: how many `view`s y holds.
  void add_bias(const Channels& view, Index candidates, const float* values, float* y) const {
    if (values == nullptr && rectifier_ == nullptr) return;
    cuda::add_bias(stream(), candidates, view, values, rectifier_ != nullptr,
                   rectifier_ == nullptr ? 0.0F : rectifier_->negative_slope, y);
  }

  // The ReLU's gradient in the place of its top's, and the bias's. Caffe accumulates over the tops; only the first meets
  // what was there before.
  void begin_backward(const Channels& view, std::size_t i) const {
    float* gradient = bias_ && ctx.parameter_gradients ? ctx.parameters[1]->tensor.diff : nullptr;
    const float beta = gradient != nullptr && i == 0 ? begin_gradient(*ctx.parameters[1]) : 1.0F;
    const Tensor& to = top(i);
    if (rectifier_ == nullptr) {
      if (gradient != nullptr) channel_sums(stream(), view, to.diff, nullptr, beta, gradient);
    } else if (gradient != nullptr) {
      rectified_channel_sums(stream(), view, to.data, rectifier_->negative_slope, beta, to.diff, gradient);
    } else {
      const NeuronFunction relu{Neuron::kReLU, rectifier_->negative_slope};
      neuron_backward(stream(), relu, to.diff, to.data, to.data, to.diff, to.count());
    }
  }

  bool bias_;
  const FusedRectifier* rectifier_ = nullptr;
};

// Convolution, and Deconvolution as its transpose: there the geometry is that of a convolution from top to bottom.
class ConvolutionLayer final : public WeightedLayer {
 public:
  ConvolutionLayer(LayerContext context, Device& device)
      : WeightedLayer(std::move(context), device),
        transposed_(ctx.type == "Deconvolution"),
        candidates_(ctx.candidates),
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
    if (!ctx.same_bottom) g.images /= candidates_;
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
      require(to.count() == candidates_ * g.images * g.output_count(), ctx,
              "blob '" + top(i).name + "' has the shape " + shape_text(top(i).shape) + ", which its kernel does not make.");
    }
    take_rectifier();
    const SmallConvolution::Population population{candidates_, ctx.same_bottom};
    if (!transposed_ && ctx.bottoms.size() == 1 && SmallConvolution::suits(device, g, population)) {
      const bool gradients = ctx.parameter_gradients || wants(0);
      small_ = std::make_unique<SmallConvolution>(device, g, population, gradients, ctx.maxima != nullptr);
    } else {
      convolver_ = device.make_convolver(g);
    }
  }

  void begin_pass() override {
    pooled_ = small_ != nullptr && ctx.maxima != nullptr && !ctx.maxima->keep_blobs;
    top().kept = !pooled_;
    if (ctx.maxima != nullptr) ctx.maxima->taken = pooled_;
  }

  void forward() override {
    const float* weights = ctx.parameters[0]->effective;
    if (pooled_) {
      small_->forward_maxima(bottom().data, weights, bias(), ctx.maxima->top->data);
    } else if (small_) {
      small_->forward(bottom().data, weights, {bias(), rectifier_}, top().data);
    } else {
      for (std::size_t i = 0; i < ctx.bottoms.size(); ++i) forward_large(bottom(i).data, weights, top(i).data);
    }
  }

  void backward() override {
    for (std::size_t i = 0; i < ctx.bottoms.size(); ++i) {
      if (!pooled_) begin_backward(top_view(), i);
      Parameter& weights = *ctx.parameters[0];
      const float beta = ctx.parameter_gradients && i == 0 ? begin_gradient(weights) : 1.0F;
      float* dw = ctx.parameter_gradients ? weights.tensor.diff : nullptr;
      float* dx = wants(i) ? bottom(i).diff : nullptr;
      if (small_) {
        if (pooled_) begin_pooled_backward();
        small_->backward(pooled_ ? ctx.maxima->top->diff : top().diff, pooled_, weights.effective, beta, dw, dx);
        continue;
      }
      if (dw != nullptr && transposed_) convolver_->backward_weights(top(i).diff, bottom(i).data, beta, dw);
      if (dw != nullptr && !transposed_) convolver_->backward_weights(bottom(i).data, top(i).diff, beta, dw);
      if (dx != nullptr && transposed_) convolver_->forward(top(i).diff, weights.effective, dx);
      if (dx != nullptr && !transposed_) convolver_->backward_data(weights.effective, top(i).diff, dx);
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

  std::int64_t workspace_bytes() const override { return small_ == nullptr ? 0 : small_->workspace_bytes(); }

 private:
  Channels top_view() const {
    return transposed_ ? Channels{geometry_.images, geometry_.channels, geometry_.input_points()}
                       : Channels{geometry_.images, geometry_.outputs, geometry_.output_points()};
  }

  void forward_large(const float* x, const float* weights, float* y) {
    const ConvolutionGeometry& g = geometry_;
    const Index x_step = ctx.same_bottom ? 0 : g.images * g.input_count();
    for (Index c = 0; c < candidates_; ++c) {
      const float* own = weights + c * ctx.parameters[0]->tensor.count();
      if (transposed_) {
        convolver_->backward_data(own, x, y);
      } else {
        convolver_->forward(x + c * x_step, own, y + c * g.images * g.output_count());
      }
    }
    add_bias(top_view(), candidates_, bias(), y);
  }

  // The bias's gradient, from that of the maxima: the other points have none.
  void begin_pooled_backward() {
    if (!bias_ || !ctx.parameter_gradients) return;
    const Tensor& maxima = *ctx.maxima->top;
    const Index windows = maxima.count() / (geometry_.images * geometry_.outputs);
    channel_sums(stream(), {geometry_.images, geometry_.outputs, windows}, maxima.diff, nullptr,
                 begin_gradient(*ctx.parameters[1]), ctx.parameters[1]->tensor.diff);
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
      Product product{false, true, outputs, width, points, 0, images};
      product.stride_a = g.output_count();
      product.stride_b = g.columns_count();
      product.stride_c = weights;
      for (Index group = 0; group < g.group; ++group) {
        device_.multiply(product, dy + first * g.output_count() + group * outputs * points,
                         columns + group * width * points, gradients + group * outputs * width);
      }
      add_squares(stream(), to, gradients, images, weights);
    }
  }

  bool transposed_;
  Index candidates_;
  ConvolutionGeometry geometry_;  // of one candidate
  std::unique_ptr<SmallConvolution> small_;  // or
  std::unique_ptr<Convolver> convolver_;
  bool pooled_ = false;  // in the pass underway the pooling's maxima are written, and not the top
};

// X (rows, inputs), W (outputs, inputs) or transposed (inputs, outputs), Y (rows, outputs)
class InnerProduct final : public WeightedLayer {
 public:
  InnerProduct(LayerContext context, Device& device)
      : WeightedLayer(std::move(context), device),
        outputs_(ctx.params.at("num_output").get<int>()),
        transposed_(ctx.params.at("transpose").get<bool>()),
        candidates_(ctx.candidates) {
    require_blobs(ctx, 1, 1);
    require_not_in_place(ctx);
    const int axis = ctx.params.at("axis").get<int>();
    require(axis >= 0 && static_cast<std::size_t>(axis) <= bottom().shape.size(), ctx,
            "its axis lies outside blob '" + bottom().name + "'.");
    rows_ = bottom().outer(axis) / (ctx.same_bottom ? 1 : candidates_);
    inputs_ = bottom().inner(axis);
    const int inputs = static_cast<int>(inputs_);
    std::vector<Shape> shapes{transposed_ ? Shape{inputs, outputs_} : Shape{outputs_, inputs}};
    if (bias_) shapes.push_back({outputs_});
    require_parameters(ctx, shapes);
    require(top().count() == candidates_ * rows_ * outputs_, ctx,
            "blob '" + top().name + "' does not fit its number of outputs.");
    take_rectifier();
  }

  void forward() override {
    Product product{false, !transposed_, rows_, outputs_, inputs_, 0, candidates_};
    product.stride_a = ctx.same_bottom ? 0 : rows_ * inputs_;
    product.stride_b = inputs_ * outputs_;
    product.stride_c = rows_ * outputs_;
    device_.multiply(product, bottom().data, ctx.parameters[0]->effective, top().data);
    add_bias(view(), candidates_, bias(), top().data);
  }

  void backward() override {
    begin_backward(view(), 0);
    const float* dy = top().diff;
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
  bool transposed_;
  Index candidates_;
  Index rows_ = 0;  // of one candidate
  Index inputs_ = 0;
};

}  // namespace

void add_weighted_layers(DeviceLayerRegistry& registry) {
  registry["Convolution"] = make<ConvolutionLayer>;
  registry["Deconvolution"] = make<ConvolutionLayer>;
  registry["InnerProduct"] = make<InnerProduct>;
}

}  // namespace olmp::cuda
