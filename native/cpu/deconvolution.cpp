// Caffe's Deconvolution: a convolution from top to bottom, run backwards. Weights (bottom channels, outputs / group, ...).
#include "cpu/channel_bias.h"
#include "cpu/checks.h"
#include "cpu/convolution_algorithm.h"
#include "cpu/parameter_gradient.h"
#include "cpu/register.h"

namespace olmp {
namespace {

class Deconvolution final : public Layer {
 public:
  explicit Deconvolution(LayerContext context)
      : Layer(std::move(context)),
        bias_(ctx.params.at("bias_term").get<bool>()),
        geometry_(convolution_geometry(ctx, top().shape)) {
    ConvolutionGeometry& g = geometry_;
    require_not_in_place(ctx);
    const auto axis = ctx.params.at("axis").get<std::size_t>();
    require(axis < bottom().shape.size(), ctx, "its channel axis lies outside the bottom.");
    g.outputs = bottom().shape[axis];
    const int outputs = ctx.params.at("num_output").get<int>();
    require(outputs == g.channels && g.group > 0 && g.channels % g.group == 0 && g.outputs % g.group == 0, ctx,
            "its channels and its outputs must be divisible by its group.");
    Shape weights{g.outputs, g.channels / g.group};
    for (const int size : ctx.params.at("kernel_size")) weights.push_back(size);
    std::vector<Shape> shapes{weights};
    if (bias_) shapes.push_back({outputs});
    require_parameters(ctx, shapes);
    require(!ctx.bottoms.empty() && ctx.bottoms.size() == ctx.tops.size(), ctx, "it needs as many tops as bottoms.");
    for (std::size_t i = 0; i < ctx.bottoms.size(); ++i) {
      require_shape(ctx, top(i).shape, top().shape, "blob '" + top(i).name + "'");
      require(bottom(i).count() == g.images * g.output_count(), ctx,
              "blob '" + top(i).name + "' has the shape " + shape_text(top(i).shape) + ", which its kernel does not make.");
    }
    algorithm_ = make_convolution(geometry_, ctx.threads, ctx.name);
  }

  void forward() override {
    for (std::size_t i = 0; i < ctx.bottoms.size(); ++i) {
      ConvolutionGradients gradients;
      gradients.data = top(i).data;
      algorithm_->backward(nullptr, bottom(i).data, ctx.parameters[0]->effective, gradients);
      if (bias_) {
        add_channel_bias(top(i).data, ctx.parameters[1]->effective, geometry_.images, geometry_.channels,
                         geometry_.input_points());
      }
    }
  }

  void backward() override {
    for (std::size_t i = 0; i < ctx.bottoms.size(); ++i) {
      if (ctx.parameter_gradients) {
        ConvolutionGradients gradients;
        gradients.weights = ctx.parameters[0]->tensor.diff;
        gradients.weights_beta = i == 0 ? begin_gradient(*ctx.parameters[0]) : 1.0F;
        algorithm_->backward(top(i).diff, bottom(i).data, nullptr, gradients);
        if (bias_) {
          float* diff = i == 0 ? begin_addition(*ctx.parameters[1]) : ctx.parameters[1]->tensor.diff;
          add_channel_sums(diff, top(i).diff, geometry_.images, geometry_.channels, geometry_.input_points(),
                           ctx.threads);
        }
      }
      if (wants_gradient(ctx, i)) {
        algorithm_->forward(top(i).diff, ctx.parameters[0]->effective, nullptr, bottom(i).diff);
      }
    }
  }

  std::int64_t workspace_bytes() const override { return algorithm_->workspace_bytes(); }

 private:
  bool bias_;
  ConvolutionGeometry geometry_;
  std::unique_ptr<ConvolutionAlgorithm> algorithm_;
};

}  // namespace

void register_deconvolution(LayerRegistry& registry) {
  registry["Deconvolution"] = [](LayerContext context) { return std::make_unique<Deconvolution>(std::move(context)); };
}

}  // namespace olmp
