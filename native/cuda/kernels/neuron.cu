#include "cuda/kernels/neuron.h"

namespace olmp::cuda {
namespace {

OLMP_KERNEL inline float sigmoid(float x) { return 0.5F * std::tanh(0.5F * x) + 0.5F; }

template <Neuron kType>
OLMP_KERNEL float value_of(const NeuronFunction& f, float x) {
  if constexpr (kType == Neuron::kReLU) return larger(x, 0.0F) + f.a * smaller(x, 0.0F);
  if constexpr (kType == Neuron::kELU) return larger(x, 0.0F) + f.a * (std::exp(smaller(x, 0.0F)) - 1.0F);
  if constexpr (kType == Neuron::kSigmoid) return sigmoid(x);
  if constexpr (kType == Neuron::kTanH) return std::tanh(x);
  if constexpr (kType == Neuron::kAbsVal) return std::fabs(x);
  if constexpr (kType == Neuron::kBNLL) {
    return x > 0.0F ? x + std::log(1.0F + std::exp(-x)) : std::log(1.0F + std::exp(x));
  }
  if constexpr (kType == Neuron::kPower) {
    if (f.a * f.c == 0.0F) return f.d;
    const float base = f.b + f.c * x;
    if (f.a == 1.0F) return base;
    return f.a == 2.0F ? base * base : std::pow(base, f.a);
  }
  if constexpr (kType == Neuron::kExp) return f.b * std::exp(f.a * x);
  if constexpr (kType == Neuron::kLog) return f.a * std::log(f.b + f.c * x);
  if constexpr (kType == Neuron::kSwish) return x * sigmoid(f.a * x);
  if constexpr (kType == Neuron::kClip) return larger(f.a, smaller(x, f.b));
  if constexpr (kType == Neuron::kThreshold) return x > f.a ? 1.0F : 0.0F;
}

template <Neuron kType>
OLMP_KERNEL float gradient_of(const NeuronFunction& f, float dy, float x, float y) {
  if constexpr (kType == Neuron::kReLU) return x > 0.0F ? dy : f.a * dy;
  if constexpr (kType == Neuron::kELU) return x > 0.0F ? dy : dy * (f.a + y);
  if constexpr (kType == Neuron::kSigmoid) return dy * y * (1.0F - y);
  if constexpr (kType == Neuron::kTanH) return dy * (1.0F - y * y);
  if constexpr (kType == Neuron::kAbsVal) return x > 0.0F ? dy : (x < 0.0F ? -dy : 0.0F * dy);
  if constexpr (kType == Neuron::kBNLL) {
    const float e = std::exp(smaller(x, 50.0F));  // Caffe's threshold: above it e^x + 1 is e^x
    return dy * e / (e + 1.0F);
  }
  if constexpr (kType == Neuron::kPower) {
    const float slope = f.a * f.c;
    if (slope == 0.0F || f.a == 1.0F) return dy * slope;
    const float base = f.b + f.c * x;
    return dy * slope * (f.a == 2.0F ? base : std::pow(base, f.a - 1.0F));
  }
  if constexpr (kType == Neuron::kExp) return dy * f.a * y;
  if constexpr (kType == Neuron::kLog) return dy * f.c * f.a / (f.b + f.c * x);
  if constexpr (kType == Neuron::kSwish) return dy * (f.a * y + sigmoid(f.a * x) * (1.0F - f.a * y));
  if constexpr (kType == Neuron::kClip) return x >= f.a && x <= f.b ? dy : 0.0F;
  if constexpr (kType == Neuron::kThreshold) return 0.0F;
}

template <Neuron kType>
void forward_by(const Stream& stream, const NeuronFunction& f, const float* x, float* y, float* kept, Index n) {
  for_each(stream, n, [=] OLMP_KERNEL(Index i) {
    const float from = x[i];
    if (kept != nullptr) kept[i] = from;
    y[i] = value_of<kType>(f, from);
  });
}

template <Neuron kType>
void backward_by(const Stream& stream, const NeuronFunction& f, const float* dy, const float* x, const float* y,
                 float* dx, Index n) {
  for_each(stream, n, [=] OLMP_KERNEL(Index i) { dx[i] = gradient_of<kType>(f, dy[i], x[i], y[i]); });
}

}  // namespace

#define OLMP_EACH_NEURON(apply)                                                                                 \
  apply(kReLU) apply(kELU) apply(kSigmoid) apply(kTanH) apply(kAbsVal) apply(kBNLL) apply(kPower) apply(kExp) \
      apply(kLog) apply(kSwish) apply(kClip) apply(kThreshold)

void neuron_forward(const Stream& stream, const NeuronFunction& function, const float* x, float* y, float* kept,
                    Index n) {
  switch (function.type) {
#define OLMP_FORWARD(type) \
  case Neuron::type: return forward_by<Neuron::type>(stream, function, x, y, kept, n);
    OLMP_EACH_NEURON(OLMP_FORWARD)
#undef OLMP_FORWARD
  }
}

void neuron_backward(const Stream& stream, const NeuronFunction& function, const float* dy, const float* x,
                     const float* y, float* dx, Index n) {
  switch (function.type) {
#define OLMP_BACKWARD(type) \
  case Neuron::type: return backward_by<Neuron::type>(stream, function, dy, x, y, dx, n);
    OLMP_EACH_NEURON(OLMP_BACKWARD)
#undef OLMP_BACKWARD
  }
}

#undef OLMP_EACH_NEURON

void set_pass_key(const Stream& stream, PassKey* pass, std::uint64_t key) {
  for_each(stream, 1, [=] OLMP_KERNEL(Index) { pass->key = key; });
}

void dropout(const Stream& stream, const PassKey* pass, std::uint64_t salt, std::uint32_t drop_below, float scale,
             const float* from, float* to, Index n, Index period) {
  for_each(stream, n, [=] OLMP_KERNEL(Index i) {
    to[i] = from[i] * (draw(pass, salt, period == n ? i : divide(i, period).remainder) >= drop_below ? scale : 0.0F);
  });
}

}  // namespace olmp::cuda
