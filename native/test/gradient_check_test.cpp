// Analytic gradients of every layer against central differences, through the net as training runs it.

#include <algorithm>
#include <cmath>
#include <set>

#include "cpu/register.h"
#include "engine/error.h"
#include "engine/net.h"
#include "test/gradient_cases.h"
#include "test/test_main.h"

namespace olmp {
namespace {

using nlohmann::json;

json layer_json(const std::string& name, const std::string& type) {
  return {{"name", name},         {"type", type},     {"params", json::object()},
          {"bottoms", json::array()}, {"tops", json::array()}, {"top_shapes", json::array()},
          {"parameters", json::array()}, {"loss_weights", json::array()}, {"propagate_down", json::array()}};
}

json graph_of(const GradientCase& c) {
  const json filler{{"type", "constant"}, {"value", 0},   {"min", 0},     {"max", 1},
                    {"mean", 0},          {"std", 1},     {"sparse", -1}, {"variance_norm", "FAN_IN"}};
  json layers = json::array();
  json checked = layer_json("l", c.type);
  for (std::size_t b = 0; b < c.bottoms.size(); ++b) {
    const std::string blob = "x" + std::to_string(b);
    json input = layer_json("input " + blob, "Input");
    input["tops"] = {blob};
    input["top_shapes"] = {c.bottoms[b]};
    layers.push_back(input);
    checked["bottoms"].push_back(blob);
  }
  for (std::size_t t = 0; t < c.tops.size(); ++t) {
    checked["tops"].push_back(c.in_place && t == 0 ? "x0" : "y" + std::to_string(t));
    checked["top_shapes"].push_back(c.tops[t]);
  }
  for (const Shape& shape : c.parameters) {
    checked["parameters"].push_back(
        {{"name", ""}, {"shape", shape}, {"lr_mult", 1}, {"decay_mult", 1}, {"filler", filler}});
  }
  checked["params"] = c.params;
  checked["loss_weights"] = c.loss_weights;
  layers.push_back(checked);
  return {{"name", c.name}, {"phase", c.phase}, {"force_backward", true}, {"layers", layers}};
}

class Check {
 public:
  explicit Check(const GradientCase& c)
      : case_(c), net_(graph_of(c), *backend_, parameters_, random_, 1, 1, true), start_(random_.state()) {}

  void run() {
    set_values();
    const double first = objective();
    REQUIRE(std::isfinite(first));
    const std::vector<std::vector<float>> analytic = analytic_gradients();
    for (std::size_t v = 0; v < variables_.size(); ++v) check(variables_[v], analytic[v]);
  }

 private:
  struct Variable {
    std::string what;
    float* values;         // what is moved
    const float* diff;
    std::vector<float> at;  // its values at the point of comparison
  };

  void set_values() {
    Random shuffle(7);
    std::size_t next = 0;
    const auto add = [&](const std::string& what, Tensor& tensor, const std::function<float(std::size_t)>& value,
                         bool moves) {
      const auto n = static_cast<std::size_t>(tensor.count());
      std::vector<float> values(n);
      for (std::size_t i = 0; i < n; ++i) {
        values[i] = case_.low + (static_cast<float>(i) + 0.5F) * (case_.high - case_.low) / static_cast<float>(n);
      }
      for (std::size_t i = n; i-- > 1;) std::swap(values[i], values[shuffle.below(static_cast<std::uint32_t>(i + 1))]);
      for (std::size_t i = 0; value && i < n; ++i) values[i] = value(i);
      // In place the net keeps one copy of x0, which forward overwrites: it is put back before each.
      points_.push_back({what, tensor.data, nullptr, values});
      if (moves) variables_.push_back({what, nullptr, tensor.diff, values});
      if (moves) variable_points_.push_back(next);
      ++next;
    };
    for (std::size_t b = 0; b < case_.bottoms.size(); ++b) {
      Tensor& tensor = *net_.blob("x" + std::to_string(b));
      const bool named = std::find(case_.checked.begin(), case_.checked.end(), b) != case_.checked.end();
      const bool moves = case_.checked.empty() ? tensor.diff != nullptr && propagates(b) : named;
      if (named) REQUIRE(propagates(b));
      std::function<float(std::size_t)> value;
      if (case_.value) value = [this, b](std::size_t i) { return case_.value(b, i); };
      add("bottom " + std::to_string(b), tensor, value, moves);
    }
    for (const auto& parameter : parameters_.all()) {
      // BatchNorm's running statistics have no gradient.
      add("parameter " + std::to_string(parameter->slot), parameter->tensor, {}, case_.type != "BatchNorm");
    }
    for (std::size_t t = 0; t < case_.tops.size(); ++t) {
      std::vector<float> weights(static_cast<std::size_t>(top(t).count()));
      for (float& weight : weights) weight = shuffle.uniform(-1, 1);
      top_weights_.push_back(std::move(weights));
    }
  }

  bool propagates(std::size_t bottom) { return net_.blob("x" + std::to_string(bottom))->diff != nullptr; }

  Tensor& top(std::size_t t) { return *net_.blob(case_.in_place && t == 0 ? "x0" : "y" + std::to_string(t)); }

  double objective() {
    for (const Variable& point : points_) copy_in(point.values, point.at);
    random_.set_state(start_);
    const double loss = net_.forward(false);
    if (!case_.loss_weights.empty()) return loss;
    double sum = 0;
    for (std::size_t t = 0; t < case_.tops.size(); ++t) {
      const std::vector<float> values = copy_out(top(t).data, top_weights_[t].size());
      for (std::size_t i = 0; i < values.size(); ++i) sum += static_cast<double>(top_weights_[t][i]) * values[i];
    }
    return sum;
  }

  std::vector<std::vector<float>> analytic_gradients() {
    for (const auto& parameter : parameters_.all()) parameter->diff_cleared = true;
    if (case_.loss_weights.empty()) {
      for (std::size_t t = 0; t < case_.tops.size(); ++t) {
        REQUIRE(top(t).diff != nullptr);
        copy_in(top(t).diff, top_weights_[t]);
      }
    }
    net_.backward();
    std::vector<std::vector<float>> gradients;
    for (const Variable& variable : variables_) gradients.push_back(copy_out(variable.diff, variable.at.size()));
    return gradients;
  }

  void copy_in(float* to, const std::vector<float>& values) {
    backend_->copy_in(to, values.data(), static_cast<std::int64_t>(values.size()));
  }

  std::vector<float> copy_out(const float* from, std::size_t count) {
    std::vector<float> values(count);
    backend_->copy_out(values.data(), from, static_cast<std::int64_t>(count));
    return values;
  }

  void check(const Variable& variable, const std::vector<float>& analytic) {
    const std::size_t index = variable_points_[static_cast<std::size_t>(&variable - variables_.data())];
    std::vector<float>& point = points_[index].at;
    double worst = 0;
    std::size_t at = 0;
    double numeric_at = 0;
    for (std::size_t i = 0; i < point.size(); ++i) {
      const float kept = point[i];
      const auto up = static_cast<float>(kept + case_.step);
      const auto down = static_cast<float>(kept - case_.step);
      point[i] = up;
      const double above = objective();
      point[i] = down;
      const double below = objective();
      point[i] = kept;
      const double numeric = (above - below) / (static_cast<double>(up) - down);
      const double size = std::max({1.0, std::fabs(numeric), std::fabs(static_cast<double>(analytic[i]))});
      const double error = std::fabs(numeric - analytic[i]) / size;
      if (!(error <= worst)) {
        worst = error;
        at = i;
        numeric_at = numeric;
      }
    }
    const bool close = worst <= case_.tolerance;
    CHECK_MESSAGE(close, variable.what, " at ", at, ": gradient ", analytic[at], ", differences give ", numeric_at);
  }

  const GradientCase& case_;
  std::unique_ptr<Backend> backend_ = test::make_test_backend();
  ParameterStore parameters_;
  Random random_{3};
  Net net_;
  Random::State start_;
  std::vector<Variable> points_;
  std::vector<Variable> variables_;
  std::vector<std::size_t> variable_points_;  // by variable: its place in points_
  std::vector<std::vector<float>> top_weights_;
};

std::vector<GradientCase> all_cases() {
  std::vector<GradientCase> cases;
  add_heavy_gradient_cases(cases);
  add_light_gradient_cases(cases);
  return cases;
}

}  // namespace

TEST_CASE("gradients agree with finite differences") {
  for (const GradientCase& c : all_cases()) {
    CAPTURE(c.name);
    try {
      Check(c).run();
    } catch (const Error& error) {
      FAIL_CHECK(std::string(error.what()));
    }
  }
}

TEST_CASE("every layer type with a gradient has a case") {
  std::set<std::string> covered{"Accuracy", "ArgMax", "Threshold", "Silence"};  // have none
  for (const GradientCase& c : all_cases()) covered.insert(c.type);
  for (const auto& [type, factory] : make_cpu_layer_registry()) {
    CAPTURE(type);
    CHECK(covered.count(type) == 1);
  }
}

}  // namespace olmp
