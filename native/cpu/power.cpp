#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "cpu/elementwise.h"
#include "cpu/register.h"

namespace olmp {
namespace {

// y = (shift + scale x)^power
class Power {
 public:
  Power(const nlohmann::json& params, const std::string&)
      : power_(params.at("power").get<float>()),
        scale_(params.at("scale").get<float>()),
        shift_(params.at("shift").get<float>()),
        slope_(power_ * scale_),
        constant_(power_ == 0.0f ? 1.0f : std::pow(shift_, power_)) {}

  float forward(float x) const {
    if (slope_ == 0.0f) return constant_;
    const float base = shift_ + scale_ * x;
    if (power_ == 1.0f) return base;
    return power_ == 2.0f ? base * base : std::pow(base, power_);
  }

  // dy/dx = power scale (shift + scale x)^(power - 1). Caffe divides y by its base instead, which is 0/0 at base = 0.
  float backward(float dy, float x, float) const {
    if (slope_ == 0.0f || power_ == 1.0f) return dy * slope_;
    const float base = shift_ + scale_ * x;
    return dy * slope_ * (power_ == 2.0f ? base : std::pow(base, power_ - 1.0f));
  }

  bool keeps_input() const { return slope_ != 0.0f && power_ != 1.0f; }

 private:
  float power_;
  float scale_;
  float shift_;
  float slope_;
  float constant_;
};

}  // namespace

void register_power(LayerRegistry& registry) { registry["Power"] = make_elementwise<Power>; }

}  // namespace olmp
