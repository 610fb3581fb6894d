#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "cpu/choose.h"
#include "cpu/elementwise.h"
#include "cpu/register.h"

namespace olmp {
namespace {

class AbsVal {
 public:
  AbsVal(const nlohmann::json&, const std::string&) {}
  float forward(float x) const { return std::abs(x); }
  float backward(float dy, float x, float) const { return choose(x > 0.0f, dy, choose(x < 0.0f, -dy, 0.0f)); }
  bool keeps_input() const { return true; }
};

}  // namespace

void register_absval(LayerRegistry& registry) { registry["AbsVal"] = make_elementwise<AbsVal>; }

}  // namespace olmp
