#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "cpu/choose.h"
#include "cpu/elementwise.h"
#include "cpu/register.h"

namespace olmp {
namespace {

// y = max(min, min(x, max)); the gradient passes where min <= x <= max, bounds included.
class Clip {
 public:
  Clip(const nlohmann::json& params, const std::string&)
      : min_(params.at("min").get<float>()), max_(params.at("max").get<float>()) {}
  float forward(float x) const { return std::max(min_, std::min(x, max_)); }
  float backward(float dy, float x, float) const { return choose((x >= min_) & (x <= max_), dy, 0.0f); }
  bool keeps_input() const { return true; }

 private:
  float min_;
  float max_;
};

}  // namespace

void register_clip(LayerRegistry& registry) { registry["Clip"] = make_elementwise<Clip>; }

}  // namespace olmp
