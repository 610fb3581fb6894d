// Caffe's Embed: each index picks a row of the weights (input_dim, num_output). Indices have no gradient.
#include <algorithm>
#include <cmath>

#include "cpu/checks.h"
#include "cpu/kernels/kernels.h"
#include "cpu/parameter_gradient.h"
#include "cpu/register.h"

namespace olmp {
namespace {

class Embed final : public Layer {
 public:
  explicit Embed(LayerContext context)
      : Layer(std::move(context)),
        outputs_(ctx.params.at("num_output").get<int>()),
        inputs_(ctx.params.at("input_dim").get<int>()),
        bias_(ctx.params.at("bias_term").get<bool>()) {
    require_blobs(ctx, 1, 1);
    require_not_in_place(ctx);
    std::vector<Shape> shapes{{inputs_, outputs_}};
    if (bias_) shapes.push_back({outputs_});
    require_parameters(ctx, shapes);
    require(top().count() == bottom().count() * outputs_, ctx, "blob '" + top().name + "' does not fit its outputs.");
  }

  void forward() override {
    const Kernels& kernels = cpu_kernels();
    for (std::int64_t i = 0; i < bottom().count(); ++i) {
      const float* row = ctx.parameters[0]->effective + index(i) * outputs_;
      float* y = top().data + i * outputs_;
      std::copy(row, row + outputs_, y);
      if (bias_) kernels.add(y, ctx.parameters[1]->effective, outputs_);
    }
  }

  void backward() override {
    if (!ctx.parameter_gradients) return;
    const Kernels& kernels = cpu_kernels();
    float* weights = begin_addition(*ctx.parameters[0]);
    float* bias = bias_ ? begin_addition(*ctx.parameters[1]) : nullptr;
    for (std::int64_t i = 0; i < bottom().count(); ++i) {
      const float* dy = top().diff + i * outputs_;
      kernels.add(weights + index(i) * outputs_, dy, outputs_);
      if (bias_) kernels.add(bias, dy, outputs_);
    }
  }

 private:
  std::int64_t index(std::int64_t i) const {
    const float value = bottom().data[i];
    if (!(value >= 0 && value < static_cast<float>(inputs_)) || value != std::floor(value)) {
      throw Error("bad-label", "Layer '" + ctx.name + "' (Embed) met the index " + std::to_string(value) +
                                   "; indices must be whole numbers from 0 to " + std::to_string(inputs_ - 1) + ".");
    }
    return static_cast<std::int64_t>(value);
  }

  int outputs_;
  int inputs_;
  bool bias_;
};

}  // namespace

void register_embed(LayerRegistry& registry) {
  registry["Embed"] = [](LayerContext context) { return std::make_unique<Embed>(std::move(context)); };
}

}  // namespace olmp
