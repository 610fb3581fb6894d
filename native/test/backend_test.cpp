// The CPU backend's operations on parameters, against their definitions in double.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "engine/backend.h"
#include "engine/error.h"
#include "engine/random.h"

namespace olmp {
namespace {

using Type = UpdateRule::Type;

struct State {
  double value, history, history2;
};

// One parameter, one step, as Caffe's solvers write it (src/caffe/solvers/*.cpp).
State step(const UpdateRule& r, const State& s, double diff) {
  double g = diff * r.diff_scale;
  g += r.decay * (r.l1 ? (s.value > 0) - (s.value < 0) : s.value);
  const double m = r.momentum;
  State n = s;
  switch (r.type) {
    case Type::kSgd:
      n.history = r.rate * g + m * s.history;
      n.value -= n.history;
      break;
    case Type::kNesterov:
      n.history = r.rate * g + m * s.history;
      n.value -= (1 + m) * n.history - m * s.history;
      break;
    case Type::kAdaGrad:
      n.history = s.history + g * g;
      n.value -= r.rate * g / (std::sqrt(n.history) + r.delta);
      break;
    case Type::kRmsProp:
      n.history = r.rms_decay * s.history + (1 - static_cast<double>(r.rms_decay)) * g * g;
      n.value -= r.rate * g / (std::sqrt(n.history) + r.delta);
      break;
    case Type::kAdaDelta: {
      n.history = m * s.history + (1 - m) * g * g;
      const double update = g * std::sqrt((s.history2 + r.delta) / (n.history + r.delta));
      n.history2 = m * s.history2 + (1 - m) * update * update;
      n.value -= r.rate * update;
      break;
    }
    case Type::kAdam: {
      const double m2 = r.momentum2;
      n.history = m * s.history + (1 - m) * g;
      n.history2 = m2 * s.history2 + (1 - m2) * g * g;
      const double t = r.iteration + 1;
      const double correction = std::sqrt(1 - std::pow(m2, t)) / (1 - std::pow(m, t));
      n.value -= r.rate * correction * n.history / (std::sqrt(n.history2) + r.delta);
      break;
    }
  }
  return n;
}

}  // namespace

TEST_CASE("updates follow Caffe's solvers") {
  constexpr int kCount = 37;  // not a multiple of any vector
  const auto backend = make_cpu_backend(1);
  for (const Type type : {Type::kSgd, Type::kNesterov, Type::kAdaGrad, Type::kRmsProp, Type::kAdaDelta, Type::kAdam}) {
    for (const bool l1 : {false, true}) {
      CAPTURE(static_cast<int>(type));
      CAPTURE(l1);
      UpdateRule rule;
      rule.type = type;
      rule.rate = 0.05F;
      rule.momentum = 0.9F;
      rule.momentum2 = 0.99F;
      rule.rms_decay = 0.95F;
      rule.delta = 1e-3F;
      rule.decay = 0.01F;
      rule.l1 = l1;
      rule.diff_scale = 0.5F;
      Random random(4);
      std::vector<float> value(kCount), diff(kCount), history(kCount), history2(kCount);
      std::vector<State> expected(kCount);
      for (int i = 0; i < kCount; ++i) {
        value[i] = i == 3 ? 0.0F : random.uniform(-1, 1);
        expected[i] = {value[i], 0, 0};
      }
      for (int iteration = 0; iteration < 5; ++iteration) {
        rule.iteration = iteration;
        for (int i = 0; i < kCount; ++i) {
          diff[i] = random.uniform(-1, 1);
          expected[i] = step(rule, expected[i], diff[i]);
        }
        const std::vector<float> before = diff;
        backend->update(rule, value.data(), diff.data(), history.data(), history2.data(), kCount);
        CHECK(diff == before);
      }
      for (int i = 0; i < kCount; ++i) {
        CHECK(value[i] == doctest::Approx(expected[i].value).epsilon(2e-5));
        CHECK(history[i] == doctest::Approx(expected[i].history).epsilon(2e-5));
      }
    }
  }
}

TEST_CASE("an update that masks gives the bits of an update and a product") {
  constexpr int kCount = 140001;  // several pieces and blocks
  UpdateRule rule;
  rule.rate = 0.05F;
  rule.momentum = 0.9F;
  rule.decay = 0.01F;
  for (const int threads : {1, 2}) {
    const auto backend = make_cpu_backend(threads);
    Random random(6);
    std::vector<float> value(kCount), diff(kCount), history(kCount), mask(kCount);
    for (int i = 0; i < kCount; ++i) {
      value[i] = random.uniform(-1, 1);
      diff[i] = random.uniform(-1, 1);
      history[i] = random.uniform(-1, 1);
      mask[i] = random.uniform() < 0.5 ? 1.0F : 0.0F;
    }
    std::vector<float> value2 = value, history2 = history, masked(kCount), masked2(kCount);
    backend->update(rule, value.data(), diff.data(), history.data(), nullptr, kCount);
    backend->multiply(masked.data(), value.data(), mask.data(), kCount);
    backend->update_masked(rule, value2.data(), diff.data(), history2.data(), nullptr, mask.data(), masked2.data(), kCount);
    CHECK(value2 == value);
    CHECK(history2 == history);
    CHECK(masked2 == masked);
  }
}

TEST_CASE("sums and masks do not depend on the threads") {
  constexpr std::int64_t kCount = 300001;
  Random random(8);
  std::vector<float> values(kCount);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = i % 3 == 0 ? 0.0F : random.uniform(-2, 2);
  double sum = 0, squares = 0;
  std::int64_t nonzero = 0;
  for (const float v : values) {
    sum += std::fabs(static_cast<double>(v));
    squares += static_cast<double>(v) * v;
    nonzero += v != 0 ? 1 : 0;
  }
  const auto one = make_cpu_backend(1);
  const auto two = make_cpu_backend(2);
  const Backend::AbsMoments moments = one->abs_moments(values.data(), kCount);
  CHECK(moments.sum == doctest::Approx(sum).epsilon(1e-12));
  CHECK(moments.sum_of_squares == doctest::Approx(squares).epsilon(1e-12));
  CHECK(moments.nonzero == nonzero);
  CHECK(one->sum_of_squares(values.data(), kCount) == doctest::Approx(squares).epsilon(1e-12));
  CHECK(two->abs_moments(values.data(), kCount).sum == moments.sum);
  CHECK(two->sum_of_squares(values.data(), kCount) == one->sum_of_squares(values.data(), kCount));

  std::vector<float> mask(values.size()), expected(values.size());
  for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = i % 2 == 0 ? 1.0F : 0.0F;
  const float threshold = 0.8F;
  std::int64_t kept = 0;
  for (std::size_t i = 0; i < mask.size(); ++i) {
    const double size = std::fabs(static_cast<double>(values[i]));
    const bool keep = mask[i] != 0 ? size > 0.9 * threshold : size > 1.1 * threshold;
    expected[i] = keep ? 1.0F : 0.0F;
    kept += keep ? 1 : 0;
  }
  CHECK(two->update_mask(mask.data(), values.data(), threshold, kCount) == kept);
  CHECK(mask == expected);
}

TEST_CASE("a value on the threshold is pruned") {
  const auto backend = make_cpu_backend(1);
  // 0.9 * 0.5f is not a float: the largest float below it is pruned, the next one stays.
  const auto below = static_cast<float>(0.9 * 0.5);
  const float at = static_cast<double>(below) > 0.9 * 0.5 ? std::nextafter(below, 0.0F) : below;
  const std::vector<float> values{at, -at, std::nextafter(at, 1.0F), 0.55F, 0.5500001F, 0};
  std::vector<float> mask{1, 1, 1, 0, 0, 1};
  const double upper = 1.1 * 0.5;
  const std::vector<float> expected{0, 0, 1, static_cast<double>(0.55F) > upper ? 1.0F : 0.0F, 1, 0};
  backend->update_mask(mask.data(), values.data(), 0.5F, static_cast<std::int64_t>(mask.size()));
  CHECK(mask == expected);
  // A threshold of 0 prunes exact zeros only.
  std::vector<float> all(values.size(), 1.0F);
  CHECK(backend->update_mask(all.data(), values.data(), 0.0F, static_cast<std::int64_t>(all.size())) == 5);
}

TEST_CASE("memory that cannot be had is an error that says what for") {
  const auto backend = make_cpu_backend(1);
  try {
    backend->allocate(std::int64_t{1} << 60, "blob 'huge'");
    FAIL("allocated");
  } catch (const Error& error) {
    CHECK(error.code() == "out-of-memory");
    CHECK(std::string(error.what()).find("blob 'huge'") != std::string::npos);
  }
}

}  // namespace olmp
