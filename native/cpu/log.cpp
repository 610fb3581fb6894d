#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "cpu/elementwise.h"
#include "cpu/register.h"
#include "engine/error.h"

namespace olmp {
namespace {

// y = log_base(shift + scale x); base -1 stands for e.
class Log {
 public:
  Log(const nlohmann::json& params, const std::string& layer)
      : scale_(params.at("scale").get<float>()), shift_(params.at("shift").get<float>()) {
    const auto base = params.at("base").get<float>();
    if (base != -1.0f && (!(base > 0.0f) || base == 1.0f)) {
      throw Error("bad-parameter", "layer '" + layer + "': Log's base must be positive and not 1, or -1 for e");
    }
    if (base != -1.0f) per_log_base_ = 1.0f / std::log(base);
  }
  float forward(float x) const { return std::log(shift_ + scale_ * x) * per_log_base_; }
  float backward(float dy, float x, float) const { return dy * scale_ * per_log_base_ / (shift_ + scale_ * x); }
  bool keeps_input() const { return true; }

 private:
  float scale_;
  float shift_;
  float per_log_base_ = 1.0f;
};

}  // namespace

void register_log(LayerRegistry& registry) { registry["Log"] = make_elementwise<Log>; }

}  // namespace olmp
