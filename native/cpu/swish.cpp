#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "cpu/elementwise.h"
#include "cpu/register.h"

namespace olmp {
namespace {

float sigmoid(float x) { return 0.5f * std::tanh(0.5f * x) + 0.5f; }

// Ramachandran, Zoph, Le 2017: y = x sigmoid(beta x), dy/dx = beta y + sigmoid(beta x) (1 - beta y).
class Swish {
 public:
  Swish(const nlohmann::json& params, const std::string&) : beta_(params.at("beta").get<float>()) {}
  float forward(float x) const { return x * sigmoid(beta_ * x); }
  float backward(float dy, float x, float y) const {
    return dy * (beta_ * y + sigmoid(beta_ * x) * (1.0f - beta_ * y));
  }
  bool keeps_input() const { return true; }

 private:
  float beta_;
};

}  // namespace

void register_swish(LayerRegistry& registry) { registry["Swish"] = make_elementwise<Swish>; }

}  // namespace olmp
