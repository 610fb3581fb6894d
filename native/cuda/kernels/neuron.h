// Layers y = f(x) element by element.
#pragma once

#include "cuda/launch.h"

namespace olmp::cuda {

enum class Neuron { kReLU, kELU, kSigmoid, kTanH, kAbsVal, kBNLL, kPower, kExp, kLog, kSwish, kClip, kThreshold };

// Which function, and its numbers:
//   kReLU   a = negative slope               kELU  a = alpha
//   kPower  (b + c x)^a, where a c = 0: d    kExp  b exp(a x)
//   kLog    a log(b + c x)                   kSwish a = beta
//   kClip   a = min, b = max                 kThreshold a = threshold
struct NeuronFunction {
  Neuron type = Neuron::kReLU;
  float a = 0;
  float b = 0;
  float c = 0;
  float d = 0;
};

// `kept`: receives x, for a layer in place whose gradient needs it; or null.
void neuron_forward(const Stream& stream, const NeuronFunction& function, const float* x, float* y, float* kept,
                    Index n);
void neuron_backward(const Stream& stream, const NeuronFunction& function, const float* dy, const float* x,
                     const float* y, float* dx, Index n);

// A pass's random numbers: the number of element i of a layer is a function of the pass's key, the layer's salt and i.
struct PassKey {
  std::uint64_t key = 0;
};
void set_pass_key(const Stream& stream, PassKey* pass, std::uint64_t key);
// 32 bits
OLMP_KERNEL inline std::uint32_t draw(const PassKey* pass, std::uint64_t salt, Index i) {
  // splitmix64 (Steele, Lea, Flood 2014) at position i of a stream that key and salt choose.
  std::uint64_t z = (pass->key ^ (salt * 0xd1b54a32d192ed03ULL)) + 0x9e3779b97f4a7c15ULL * static_cast<std::uint64_t>(i + 1);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return static_cast<std::uint32_t>((z ^ (z >> 31)) >> 32);
}

// to = from * scale where the element's random number is at least `drop_below`, else 0. The numbers are the same again after
// `period` elements.
void dropout(const Stream& stream, const PassKey* pass, std::uint64_t salt, std::uint32_t drop_below, float scale,
             const float* from, float* to, Index n, Index period);

}  // namespace olmp::cuda
