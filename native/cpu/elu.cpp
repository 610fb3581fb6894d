#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "cpu/elementwise.h"
#include "cpu/register.h"

namespace olmp {
namespace {

// Clevert, Unterthiner, Hochreiter 2015: y = x for x > 0, else alpha (e^x - 1), so that dy/dx = y + alpha.
class ELU {
 public:
  ELU(const nlohmann::json& params, const std::string&) : alpha_(params.at("alpha").get<float>()) {}
  float forward(float x) const { return std::max(x, 0.0f) + alpha_ * (std::exp(std::min(x, 0.0f)) - 1.0f); }
  float backward(float dy, float x, float y) const { return x > 0.0f ? dy : dy * (alpha_ + y); }
  bool keeps_input() const { return alpha_ < 0.0f; }

 private:
  float alpha_;
};

}  // namespace

void register_elu(LayerRegistry& registry) { registry["ELU"] = make_elementwise<ELU>; }

}  // namespace olmp
