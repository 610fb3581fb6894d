#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "cpu/elementwise.h"
#include "cpu/register.h"

namespace olmp {
namespace {

// Above this e^x dominates 1 + e^x to the last bit, and e^x itself would overflow further up (Caffe's bnll_layer).
constexpr float kThreshold = 50.0f;

// Binomial normal log likelihood: y = log(1 + e^x).
class BNLL {
 public:
  BNLL(const nlohmann::json&, const std::string&) {}
  float forward(float x) const { return x > 0.0f ? x + std::log(1.0f + std::exp(-x)) : std::log(1.0f + std::exp(x)); }
  float backward(float dy, float x, float) const {
    const float e = std::exp(std::min(x, kThreshold));
    return dy * e / (e + 1.0f);
  }
  bool keeps_input() const { return true; }
};

}  // namespace

void register_bnll(LayerRegistry& registry) { registry["BNLL"] = make_elementwise<BNLL>; }

}  // namespace olmp
