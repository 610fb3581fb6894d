#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "cpu/choose.h"
#include "cpu/elementwise.h"
#include "cpu/register.h"

namespace olmp {
namespace {

// y = max(x, 0) + slope min(x, 0). max and min in this order of arguments let a NaN through. With slope >= 0 y has
// x's sign, so the gradient can be had from y.
class ReLU {
 public:
  ReLU(const nlohmann::json& params, const std::string&)
      : slope_(params.at("negative_slope").get<float>()) {}
  float forward(float x) const { return std::max(x, 0.0f) + slope_ * std::min(x, 0.0f); }
  float backward(float dy, float x, float) const { return choose(x > 0.0f, dy, slope_ * dy); }
  bool keeps_input() const { return slope_ < 0.0f; }

 private:
  float slope_;
};

}  // namespace

void register_relu(LayerRegistry& registry) { registry["ReLU"] = make_elementwise<ReLU>; }

}  // namespace olmp
