// Layers that treat each element by itself.
#include <cmath>

#include "cuda/cuda_layer.h"
#include "cuda/kernels/neuron.h"
#include "engine/error.h"

namespace olmp::cuda {
namespace {

float number(const LayerContext& context, const char* key) { return context.params.at(key).get<float>(); }

[[noreturn]] void refuse_parameter(const LayerContext& context, const std::string& why) {
  throw Error("bad-parameter", "layer '" + context.name + "': " + why);
}

NeuronFunction exponential(const LayerContext& context) {
  const float base = number(context, "base");
  const float shift = number(context, "shift");
  if (base != -1.0F && !(base > 0.0F)) refuse_parameter(context, "Exp's base must be positive, or -1 for e");
  const float log_base = base == -1.0F ? 1.0F : std::log(base);
  float factor = 1;
  if (shift != 0.0F) factor = base == -1.0F ? std::exp(shift) : std::pow(base, shift);
  return {Neuron::kExp, log_base * number(context, "scale"), factor};
}

NeuronFunction logarithm(const LayerContext& context) {
  const float base = number(context, "base");
  if (base != -1.0F && (!(base > 0.0F) || base == 1.0F)) {
    refuse_parameter(context, "Log's base must be positive and not 1, or -1 for e");
  }
  return {Neuron::kLog, base == -1.0F ? 1.0F : 1.0F / std::log(base), number(context, "shift"), number(context, "scale")};
}

NeuronFunction power(const LayerContext& context) {
  const float exponent = number(context, "power");
  const float shift = number(context, "shift");
  return {Neuron::kPower, exponent, shift, number(context, "scale"), exponent == 0.0F ? 1.0F : std::pow(shift, exponent)};
}

NeuronFunction function_of(const LayerContext& context) {
  const std::string& type = context.type;
  if (type == "ReLU") return {Neuron::kReLU, number(context, "negative_slope")};
  if (type == "ELU") return {Neuron::kELU, number(context, "alpha")};
  if (type == "Sigmoid") return {Neuron::kSigmoid};
  if (type == "TanH") return {Neuron::kTanH};
  if (type == "AbsVal") return {Neuron::kAbsVal};
  if (type == "BNLL") return {Neuron::kBNLL};
  if (type == "Power") return power(context);
  if (type == "Exp") return exponential(context);
  if (type == "Log") return logarithm(context);
  if (type == "Swish") return {Neuron::kSwish, number(context, "beta")};
  if (type == "Clip") return {Neuron::kClip, number(context, "min"), number(context, "max")};
  return {Neuron::kThreshold, number(context, "threshold")};
}

// Whether the gradient needs the x that a forward in place overwrites; else y will do in its place.
bool needs_input(const NeuronFunction& f) {
  switch (f.type) {
    case Neuron::kReLU:
    case Neuron::kELU: return f.a < 0.0F;
    case Neuron::kPower: return f.a * f.c != 0.0F && f.a != 1.0F;
    case Neuron::kAbsVal:
    case Neuron::kBNLL:
    case Neuron::kLog:
    case Neuron::kSwish:
    case Neuron::kClip: return true;
    default: return false;
  }
}

class NeuronLayer final : public CudaLayer {
 public:
  NeuronLayer(LayerContext context, Device& device)
      : CudaLayer(std::move(context), device),
        function_(function_of(ctx)),
        done_(ctx.rectifier != nullptr && ctx.rectifier->taken) {
    if (done_) return;
    if (needs_input(function_) && bottom().data == top().data && wants(0)) kept_ = workspace(bottom().count());
  }

  void forward() override {
    if (done_) return;
    neuron_forward(stream(), function_, bottom().data, top().data, kept_.get(), bottom().count());
  }

  void backward() override {
    if (done_ || !wants(0) || function_.type == Neuron::kThreshold) return;
    const float* x = kept_ ? kept_.get() : bottom().data;
    neuron_backward(stream(), function_, top().diff, x, top().data, bottom().diff, bottom().count());
  }

 private:
  NeuronFunction function_;
  bool done_;  // by the layer before
  FloatBuffer kept_ = no_buffer();
};

// Inverted dropout. The random numbers are a function of the pass, so that backward draws those of forward again.
class Dropout final : public CudaLayer {
 public:
  Dropout(LayerContext context, Device& device) : CudaLayer(std::move(context), device), salt_(device.next_salt()) {
    const auto ratio = ctx.params.at("dropout_ratio").get<double>();
    if (!(ratio >= 0 && ratio < 1)) refuse_parameter(ctx, "dropout_ratio must be at least 0 and below 1");
    drop_below_ = static_cast<std::uint32_t>(ratio * 4294967296.0);
    scale_ = static_cast<float>(1.0 / (1.0 - ratio));
  }

  void forward() override { apply(bottom().data, top().data); }
  void backward() override {
    if (wants(0)) apply(top().diff, bottom().diff);
  }

 private:
  void apply(const float* from, float* to) const {
    if (ctx.phase == Phase::kTest) {
      copy(to, from, bottom().count());
    } else {
      const Index count = bottom().count();
      dropout(stream(), device_.pass(), salt_, drop_below_, scale_, from, to, count, count / ctx.candidates);
    }
  }

  std::uint64_t salt_;
  std::uint32_t drop_below_ = 0;
  float scale_ = 1;
};

}  // namespace

void add_neuron_layers(DeviceLayerRegistry& registry) {
  for (const char* type : {"ReLU", "ELU", "Sigmoid", "TanH", "AbsVal", "BNLL", "Power", "Exp", "Log", "Swish", "Clip",
                           "Threshold"}) {
    registry[type] = make<NeuronLayer>;
  }
  registry["Dropout"] = make<Dropout>;
}

}  // namespace olmp::cuda
