// Caffe's solvers: rates, and two updates of one parameter against values worked out in double precision from the
// formulas of src/caffe/solvers/*.cpp.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "engine/solver.h"

#include <doctest/doctest.h>

#include <cmath>

#include "engine/error.h"
#include "engine/mask.h"
#include "test/parameter_fixtures.h"

namespace olmp {
namespace {

using nlohmann::json;

json solver_json(const json& changes) {
  json spec = {{"type", "SGD"},  {"base_lr", 0.1},      {"lr_policy", "fixed"},         {"gamma", 0},
               {"power", 0},     {"stepsize", 0},       {"stepvalue", json::array()},   {"max_iter", 100},
               {"momentum", 0.9}, {"momentum2", 0.999}, {"rms_decay", 0.98},            {"delta", 1e-3},
               {"weight_decay", 0.01}, {"regularization_type", "L2"}, {"clip_gradients", -1}, {"iter_size", 1}};
  if (!changes.is_null()) spec.update(changes);  // {} is null
  return spec;
}

float rate(const json& changes, int iteration) {
  json spec = {{"base_lr", 0.01}};
  if (!changes.is_null()) spec.update(changes);  // {} is null
  return learning_rate(parse_solver(solver_json(spec)), iteration);
}

std::string refusal(const json& changes) {
  try {
    parse_solver(solver_json(changes));
  } catch (const Error& error) {
    return error.code();
  }
  return "";
}

// One parameter per entry, of one element each, with value 0.5.
class Fixture {
 public:
  explicit Fixture(const json& changes, std::vector<std::pair<float, float>> multipliers = {{1.0F, 1.0F}})
      : backend_(make_cpu_backend(1)) {
    for (std::size_t i = 0; i < multipliers.size(); ++i) {
      const auto [lr_mult, decay_mult] = multipliers[i];
      const json layer = test::layer_json("l" + std::to_string(i), {{1}}, lr_mult, decay_mult);
      store_.declare(*backend_, layer, 0, -1)->tensor.data[0] = 0.5F;
    }
    solver_ = std::make_unique<Solver>(parse_solver(solver_json(changes)), *backend_, store_);
  }

  void update(const std::vector<float>& gradients, int iteration) {
    for (std::size_t i = 0; i < gradients.size(); ++i) store_.all()[i]->tensor.diff[0] = gradients[i];
    solver_->update(iteration);
  }
  double value(std::size_t i = 0) const { return store_.all()[i]->tensor.data[0]; }
  double history(int part) const {
    const float* history = solver_->history(0, part);
    return history == nullptr ? 0 : history[0];
  }
  ParameterStore& store() { return store_; }
  Solver& solver() { return *solver_; }

 private:
  std::unique_ptr<Backend> backend_;
  ParameterStore store_;
  std::unique_ptr<Solver> solver_;
};

TEST_CASE("learning rate policies") {
  CHECK(rate({}, 1000) == 0.01F);
  const json step = {{"lr_policy", "step"}, {"gamma", 0.1}, {"stepsize", 3}};
  CHECK(rate(step, 2) == doctest::Approx(0.01));
  CHECK(rate(step, 3) == doctest::Approx(0.001));
  CHECK(rate(step, 7) == doctest::Approx(0.0001));
  CHECK(rate({{"lr_policy", "exp"}, {"gamma", 0.99}}, 10) == doctest::Approx(0.00904382075));
  CHECK(rate({{"lr_policy", "inv"}, {"gamma", 1e-4}, {"power", 0.75}}, 1000) == doctest::Approx(0.00931012445));
  const json multistep = {{"lr_policy", "multistep"}, {"gamma", 0.5}, {"stepvalue", {5, 8}}};
  CHECK(rate(multistep, 4) == 0.01F);
  CHECK(rate(multistep, 5) == 0.005F);
  CHECK(rate(multistep, 100) == 0.0025F);
  CHECK(rate({{"lr_policy", "poly"}, {"power", 2}}, 30) == doctest::Approx(0.0049));
  CHECK(rate({{"lr_policy", "poly"}, {"power", 2}}, 100) == 0.0F);
  CHECK(rate({{"lr_policy", "sigmoid"}, {"gamma", -0.1}, {"stepsize", 50}}, 20) == doctest::Approx(0.00952574127));
}

TEST_CASE("what Caffe refuses") {
  CHECK(refusal({}).empty());
  CHECK(refusal({{"lr_policy", "cosine"}}) == "bad-solver");
  CHECK(refusal({{"type", "Lion"}}) == "bad-solver");
  CHECK(refusal({{"type", "AdaGrad"}}) == "bad-solver");
  CHECK(refusal({{"type", "RMSProp"}, {"momentum", 0}}).empty());
  CHECK(refusal({{"type", "RMSProp"}, {"momentum", 0}, {"rms_decay", 1.0}}) == "bad-solver");
  CHECK(refusal({{"lr_policy", "step"}, {"stepsize", 0}}) == "bad-solver");
  CHECK(refusal({{"iter_size", 0}}) == "bad-solver");
}

TEST_CASE("two updates of every solver") {
  struct Expected {
    const char* type;
    double momentum;
    double values[2];
    double histories[2];
    double second_histories[2];
  };
  const Expected all[] = {
      {"SGD", 0.9, {0.4795, 0.5005705}, {0.0205, -0.0210705}, {0, 0}},
      {"Nesterov", 0.9, {0.46105, 0.519569005}, {0.0205, -0.02108895}, {0, 0}},
      {"AdaGrad", 0, {0.400485437, 0.489092478}, {0.042025, 0.198837155}, {0, 0}},
      {"RMSProp", 0, {-0.183529779, 0.437889336}, {0.0008405, 0.00405312213}, {0, 0}},
      {"AdaDelta", 0.9, {0.491012316, 0.502775934}, {0.0042025, 0.0193918511}, {0.000807784719, 0.00211083345}},
      {"Adam", 0.9, {0.413364215, 0.446312357}, {0.0205, -0.0211366358}, {4.2025e-05, 0.000198693148}},
  };
  for (const Expected& expected : all) {
    CAPTURE(expected.type);
    Fixture fixture({{"type", expected.type}, {"momentum", expected.momentum}});
    const float gradients[] = {0.2F, -0.4F};
    for (int i = 0; i < 2; ++i) {
      CAPTURE(i);
      fixture.update({gradients[i]}, i);
      CHECK(fixture.value() == doctest::Approx(expected.values[i]).epsilon(2e-5));
      CHECK(fixture.history(0) == doctest::Approx(expected.histories[i]).epsilon(2e-5));
      CHECK(fixture.history(1) == doctest::Approx(expected.second_histories[i]).epsilon(2e-5));
    }
  }
}

TEST_CASE("multipliers of rate and decay; lr_mult 0 leaves the parameter alone") {
  Fixture fixture({{"momentum", 0}}, {{2.0F, 0.5F}, {1.0F, 0.0F}, {0.0F, 1.0F}});
  fixture.update({0.2F, 0.2F, 0.2F}, 0);
  CHECK(fixture.value(0) == doctest::Approx(0.5 - 0.2 * (0.2 + 0.005 * 0.5)));
  CHECK(fixture.value(1) == doctest::Approx(0.5 - 0.1 * 0.2));
  CHECK(fixture.value(2) == 0.5);
}

TEST_CASE("L1 regularisation goes by the sign") {
  const json l1 = {{"momentum", 0}, {"regularization_type", "L1"}};
  Fixture fixture(l1);
  fixture.update({0.2F}, 0);
  CHECK(fixture.value() == doctest::Approx(0.5 - 0.1 * (0.2 + 0.01)));
}

TEST_CASE("gradients are clipped by their common norm before iter_size divides them") {
  Fixture clipped({{"momentum", 0}, {"weight_decay", 0}, {"clip_gradients", 2.5}, {"iter_size", 2}},
                  {{1.0F, 1.0F}, {1.0F, 1.0F}, {0.0F, 1.0F}});
  clipped.update({3.0F, 4.0F, 1000.0F}, 0);  // norm 5 (a parameter that is not learnt does not count): halved
  CHECK(clipped.value(0) == doctest::Approx(0.5 - 0.1 * 3.0 * 0.5 / 2));
  CHECK(clipped.value(1) == doctest::Approx(0.5 - 0.1 * 4.0 * 0.5 / 2));

  Fixture within({{"momentum", 0}, {"weight_decay", 0}, {"clip_gradients", 5.1}}, {{1.0F, 1.0F}, {1.0F, 1.0F}});
  within.update({3.0F, 4.0F}, 0);
  CHECK(within.value(0) == doctest::Approx(0.5 - 0.1 * 3.0));
}

TEST_CASE("frozen masks: what is pruned is left alone, what is kept takes the same steps") {
  for (const char* type : {"SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam"}) {
    CAPTURE(type);
    const bool has_momentum = std::string(type) != "AdaGrad" && std::string(type) != "RMSProp";
    const SolverSpec spec = parse_solver(solver_json({{"type", type}, {"momentum", has_momentum ? 0.9 : 0.0}}));
    const auto backend = make_cpu_backend(1);
    std::vector<std::vector<float>> values;
    for (const bool frozen : {false, true}) {
      ParameterStore store;
      Parameter& parameter = *store.declare(*backend, test::layer_json("l", {{5}}), 0, 0);
      Masks masks(*backend, store, RateEncoding::kExact);
      Solver solver(spec, *backend, store);
      std::fill_n(parameter.tensor.data, 5, 0.5F);
      const float mask[] = {0, 1, 1, 0, 1};
      masks.set_mask(parameter, mask);
      masks.freeze(frozen);
      CHECK(masks.frozen() == frozen);
      for (int i = 0; i < 3; ++i) {
        for (int j = 0; j < 5; ++j) parameter.tensor.diff[j] = static_cast<float>(i - j) / 4;
        solver.update(i);
        masks.values_updated();
      }
      std::vector<float> seen;
      for (int j = 0; j < 5; ++j) {
        CHECK(parameter.effective[j] == parameter.tensor.data[j] * mask[j]);
        CHECK((parameter.tensor.data[j] == 0.5F) == (frozen && mask[j] == 0));
        if (mask[j] == 0) continue;
        seen.push_back(parameter.tensor.data[j]);
        for (int part = 0; part < solver.history_parts(); ++part) seen.push_back(solver.history(0, part)[j]);
      }
      values.push_back(seen);
    }
    CHECK(values[0] == values[1]);
  }
}

TEST_CASE("frozen masks: the norm that clips is that of the kept gradients") {
  const auto backend = make_cpu_backend(1);
  ParameterStore store;
  Parameter& parameter = *store.declare(*backend, test::layer_json("l", {{3}}), 0, 0);
  Masks masks(*backend, store, RateEncoding::kExact);
  Solver solver(parse_solver(solver_json({{"momentum", 0}, {"weight_decay", 0}, {"clip_gradients", 2.5}})), *backend, store);
  const float mask[] = {1, 0, 1};
  masks.set_mask(parameter, mask);
  masks.freeze(true);
  const float gradients[] = {3, 1000, 4};  // norm 5: halved
  std::copy_n(gradients, 3, parameter.tensor.diff);
  solver.update(0);
  CHECK(parameter.tensor.data[0] == doctest::Approx(-0.1 * 1.5));
  CHECK(parameter.tensor.data[1] == 0);
  CHECK(parameter.tensor.data[2] == doctest::Approx(-0.1 * 2.0));
}

TEST_CASE("a gradient that no pass wrote counts as zero") {
  const json plain = {{"momentum", 0}, {"weight_decay", 0}};
  Fixture fixture(plain);
  fixture.store().all()[0]->tensor.diff[0] = 7.0F;
  fixture.solver().clear_gradients();
  fixture.solver().update(0);
  CHECK(fixture.value() == 0.5);
  CHECK(fixture.store().all()[0]->tensor.diff[0] == 0.0F);
}

}  // namespace
}  // namespace olmp
