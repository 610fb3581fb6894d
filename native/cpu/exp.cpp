#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "cpu/elementwise.h"
#include "cpu/register.h"
#include "engine/error.h"

namespace olmp {
namespace {

// y = base^(shift + scale x); base -1 stands for e.
class Exp {
 public:
  Exp(const nlohmann::json& params, const std::string& layer) {
    const auto base = params.at("base").get<float>();
    const auto shift = params.at("shift").get<float>();
    if (base != -1.0f && !(base > 0.0f)) {
      throw Error("bad-parameter", "layer '" + layer + "': Exp's base must be positive, or -1 for e");
    }
    const float log_base = base == -1.0f ? 1.0f : std::log(base);
    inner_ = log_base * params.at("scale").get<float>();
    if (shift != 0.0f) outer_ = base == -1.0f ? std::exp(shift) : std::pow(base, shift);
  }
  float forward(float x) const { return outer_ * std::exp(inner_ * x); }
  float backward(float dy, float, float y) const { return dy * y * inner_; }
  bool keeps_input() const { return false; }

 private:
  float inner_ = 1.0f;  // log(base) scale
  float outer_ = 1.0f;  // base^shift
};

}  // namespace

void register_exp(LayerRegistry& registry) { registry["Exp"] = make_elementwise<Exp>; }

}  // namespace olmp
