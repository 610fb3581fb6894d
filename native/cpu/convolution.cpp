// Caffe's Convolution (and the OLMP fork's CConvolution where a mask is set): any number of spatial axes and of bottoms,
// which share the weights.
#include "cpu/checks.h"
#include "cpu/convolution_algorithm.h"
#include "cpu/parameter_gradient.h"
#include "cpu/register.h"
#include "cpu/sparse_blobs.h"
#include "cpu/squared_gradients.h"

namespace olmp {
namespace {

class Convolution final : public Layer {
 public:
  explicit Convolution(LayerContext context)
      : Layer(std::move(context)),
        bias_(ctx.params.at("bias_term").get<bool>()),
        geometry_(convolution_geometry(ctx, bottom().shape)) {
    const ConvolutionGeometry& g = geometry_;
    require_not_in_place(ctx);
    require(g.outputs > 0 && g.group > 0 && g.channels % g.group == 0 && g.outputs % g.group == 0, ctx,
            "its channels and its outputs must be divisible by its group.");
    Shape weights{g.outputs, g.channels / g.group};
    for (const int size : ctx.params.at("kernel_size")) weights.push_back(size);
    std::vector<Shape> shapes{weights};
    if (bias_) shapes.push_back({g.outputs});
    require_parameters(ctx, shapes);
    require(!ctx.bottoms.empty() && ctx.bottoms.size() == ctx.tops.size(), ctx, "it needs as many tops as bottoms.");
    for (std::size_t i = 0; i < ctx.bottoms.size(); ++i) {
      require_shape(ctx, bottom(i).shape, bottom().shape, "blob '" + bottom(i).name + "'");
      require(top(i).count() == g.images * g.output_count(), ctx,
              "blob '" + top(i).name + "' has the shape " + shape_text(top(i).shape) + ", which its kernel does not make.");
    }
    algorithm_ = make_convolution(geometry_, ctx.threads, ctx.name);
    if (ctx.bottoms.size() == 1 && g.input.size() == 2) {
      sparse_ = std::make_unique<SparseBlobs>(SparseLayer::convolution(g, ctx.threads, ctx.name), g.images,
                                              g.input_count(), g.output_count(), ctx.threads, ctx.name);
    }
  }

  void forward() override {
    const float* bias = bias_ ? ctx.parameters[1]->effective : nullptr;
    const Parameter& weights = *ctx.parameters[0];
    const bool sparse = sparse_ != nullptr && sparse_->suits(weights);
    const bool pooled = sparse ? wants_maxima() && sparse_->can_pool() && kept_gradients_only()
                               : algorithm_->take_maxima(wants_maxima());
    top().kept = !pooled;
    if (ctx.maxima != nullptr) ctx.maxima->taken = pooled;
    if (sparse) {
      sparse_->forward(bottom().data, weights.effective, bias, pooled ? ctx.maxima->top->data : top().data, pooled);
      return;
    }
    for (std::size_t i = 0; i < ctx.bottoms.size(); ++i) {
      algorithm_->forward(bottom(i).data, ctx.parameters[0]->effective, bias, pooled ? ctx.maxima->top->data : top(i).data);
    }
  }

  void backward() override {
    if (sparse_ != nullptr && sparse_->in_use()) {
      sparse_backward();
      return;
    }
    for (std::size_t i = 0; i < ctx.bottoms.size(); ++i) {
      ConvolutionGradients gradients;
      if (ctx.parameter_gradients) {
        // Caffe accumulates over the bottoms; only the first meets what was there before.
        gradients.weights = ctx.parameters[0]->tensor.diff;
        gradients.weights_beta = i == 0 ? begin_gradient(*ctx.parameters[0]) : 1.0F;
        if (bias_) gradients.bias = i == 0 ? begin_addition(*ctx.parameters[1]) : ctx.parameters[1]->tensor.diff;
      }
      if (wants_gradient(ctx, i)) gradients.data = bottom(i).diff;
      algorithm_->backward(bottom(i).data, top_diff(i), ctx.parameters[0]->effective, gradients);
    }
  }

  bool add_squared_gradients(const SquareSums& sums) override {
    for (std::size_t i = 0; i < ctx.bottoms.size(); ++i) {
      if (float* to = sums(*ctx.parameters[0])) {
        olmp::add_squared_gradients(geometry_, bottom(i).data, top(i).diff, *ctx.parameters[0], ctx.threads, to);
      }
      float* biases = bias_ ? sums(*ctx.parameters[1]) : nullptr;
      if (biases == nullptr) continue;
      add_squared_bias_gradients(top(i).diff, geometry_.images, geometry_.outputs, geometry_.output_points(), biases);
    }
    return true;
  }

  std::int64_t workspace_bytes() const override {
    return algorithm_->workspace_bytes() + (sparse_ == nullptr ? 0 : sparse_->workspace_bytes());
  }

 private:
  // The gradients of weights that may come back are the dense product's.
  bool kept_gradients_only() const { return !ctx.parameter_gradients || ctx.parameters[0]->frozen; }

  bool wants_maxima() const { return ctx.maxima != nullptr && !ctx.maxima->keep_blobs; }

  // Of what forward made: the top, or its maxima.
  const float* top_diff(std::size_t i) const {
    return ctx.maxima != nullptr && ctx.maxima->taken ? ctx.maxima->top->diff : top(i).diff;
  }

  void sparse_backward() {
    const float* dy = top_diff(0);
    const bool data = wants_gradient(ctx, 0);
    if (data || kept_gradients_only()) sparse_->take_gradient(dy);
    if (ctx.parameter_gradients && kept_gradients_only()) {
      sparse_->backward_weights(*ctx.parameters[0]);
      if (bias_) sparse_->backward_bias(*ctx.parameters[1]);
    } else if (ctx.parameter_gradients) {
      ConvolutionGradients gradients;
      gradients.weights = ctx.parameters[0]->tensor.diff;
      gradients.weights_beta = begin_gradient(*ctx.parameters[0]);
      if (bias_) gradients.bias = begin_addition(*ctx.parameters[1]);
      algorithm_->take_maxima(false);
      algorithm_->backward(bottom().data, dy, ctx.parameters[0]->effective, gradients);
    }
    if (data) sparse_->backward_data(bottom().diff);
  }

  bool bias_;
  ConvolutionGeometry geometry_;
  std::unique_ptr<ConvolutionAlgorithm> algorithm_;
  std::unique_ptr<SparseBlobs> sparse_;  // null for geometries without sparse kernels
};

}  // namespace

void register_convolution(LayerRegistry& registry) {
  registry["Convolution"] = [](LayerContext context) { return std::make_unique<Convolution>(std::move(context)); };
}

}  // namespace olmp
