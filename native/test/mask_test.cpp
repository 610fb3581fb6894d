// Masks: moments, hysteresis, the authors' rate encoding, trials that leave no trace.
#include "engine/mask.h"

#include <cmath>
#include <limits>

#include "engine/error.h"
#include "engine/random.h"
#include "test/parameter_fixtures.h"
#include "test/test_main.h"

namespace olmp {
namespace {

using Values = std::vector<float>;

// Two prunable layers and one that is not.
class Fixture {
 public:
  explicit Fixture(RateEncoding encoding = RateEncoding::kExact, int threads = 1)
      : backend_(test::make_test_backend(threads)) {
    declare("a", {{2, 3}, {2}}, 0);
    declare("norm", {{4}}, -1);
    declare("b", {{70001}, {5}}, 1);
    masks = std::make_unique<Masks>(*backend_, store_, encoding);
    set("a", 0, {0.5F, -1.0F, 0.0F, 2.0F, 1.0F, -0.5F});
    set("a", 1, {0.0F, 1.0F});
    Random random(3);
    for (Parameter* parameter : {store_.find("b", 0), store_.find("b", 1)}) {
      Values values(static_cast<std::size_t>(parameter->tensor.count()));
      for (float& value : values) value = static_cast<float>(random.normal());
      backend_->copy_in(parameter->tensor.data, values.data(), parameter->tensor.count());
    }
  }

  Parameter& parameter(const std::string& layer, int slot) const { return *store_.find(layer, slot); }
  void set(const std::string& layer, int slot, const Values& values) {
    Tensor& tensor = parameter(layer, slot).tensor;
    backend_->copy_in(tensor.data, values.data(), tensor.count());
    masks->values_changed(parameter(layer, slot));
  }
  Values mask(const std::string& layer, int slot) const {
    const Parameter& p = parameter(layer, slot);
    return p.mask == nullptr ? Values{} : copy_out(p.mask, p.tensor.count());
  }
  Values effective(const std::string& layer, int slot) const {
    const Parameter& p = parameter(layer, slot);
    return copy_out(p.effective, p.tensor.count());
  }
  Backend& backend() const { return *backend_; }
  Values copy_out(const float* from, std::int64_t n) const {
    Values values(static_cast<std::size_t>(n));
    backend_->copy_out(values.data(), from, n);
    return values;
  }
  // mu 0, sigma 1: the rate is the threshold.
  void use_rates_as_thresholds() { masks->set_moments({{0, 1, 7}, {0, 1, 7}}); }

  std::unique_ptr<Masks> masks;

 private:
  void declare(const std::string& name, const std::vector<Shape>& shapes, int prunable) {
    const auto layer = test::layer_json(name, shapes);
    for (std::size_t slot = 0; slot < shapes.size(); ++slot) {
      store_.declare(*backend_, layer, static_cast<int>(slot), prunable);
    }
  }

  std::unique_ptr<Backend> backend_;
  ParameterStore store_;
};

TEST_CASE("moments of |w| over the nonzero weights and biases together") {
  Fixture fixture;
  const auto moments = fixture.masks->compute_moments();
  REQUIRE(moments.size() == 2);
  // 0.5 1 2 1 0.5 | 1: mean 1, mean square 7.5 / 6
  CHECK(moments[0].nonzero == 6);
  CHECK(moments[0].mu == doctest::Approx(1.0));
  CHECK(moments[0].sigma == doctest::Approx(0.5));
}

TEST_CASE("a layer without nonzero parameters has moments zero") {
  Fixture fixture;
  fixture.set("a", 0, Values(6));
  fixture.set("a", 1, Values(2));
  const LayerMoments moments = fixture.masks->compute_moments()[0];
  CHECK(moments.mu == 0);
  CHECK(moments.sigma == 0);
  CHECK(moments.nonzero == 0);
}

TEST_CASE("layers never masked read their weights themselves") {
  Fixture fixture;
  const Parameter& weights = fixture.parameter("a", 0);
  CHECK(weights.mask == nullptr);
  CHECK(weights.effective == weights.tensor.data);
  CHECK(fixture.masks->counts(0).kept_weights == 6);
  CHECK(fixture.masks->kept() == 6 + 2 + 70001 + 5);
  CHECK(fixture.masks->memory_bytes() == 0);
}

TEST_CASE("hysteresis: pruned up to 0.9 t, kept again above 1.1 t") {
  Fixture fixture;
  fixture.use_rates_as_thresholds();
  fixture.masks->apply(0, 1.0);
  CHECK(fixture.mask("a", 0) == Values{0, 1, 0, 1, 1, 0});
  CHECK(fixture.mask("a", 1) == Values{0, 1});
  CHECK(fixture.effective("a", 0) == Values{0, -1, 0, 2, 1, 0});
  CHECK(fixture.masks->counts(0).kept_weights == 3);
  CHECK(fixture.masks->counts(0).kept_biases == 1);

  fixture.set("a", 0, {1.05F, -0.95F, 1.2F, 0.85F, 1.05F, -1.2F});
  CHECK(fixture.effective("a", 0) == Values{0, -0.95F, 0, 0.85F, 1.05F, -0.0F});
  fixture.masks->apply(0, 1.0);
  CHECK(fixture.mask("a", 0) == Values{0, 1, 1, 0, 1, 1});
  CHECK(fixture.masks->counts(0).kept_weights == 4);
}

TEST_CASE("the edges themselves: |w| = 0.9 t goes, |w| = 1.1 t stays away") {
  Fixture fixture;
  fixture.use_rates_as_thresholds();
  const float t = 10.0F;  // 9 and 11 are exact
  fixture.set("a", 0, {9.0F, std::nextafter(9.0F, 10.0F), 9.5F, -9.0F, 11.0F, 12.0F});
  fixture.masks->apply(0, t);
  CHECK(fixture.mask("a", 0) == Values{0, 1, 1, 0, 1, 1});
  fixture.set("a", 0, {11.0F, 11.0F, 11.0F, std::nextafter(11.0F, 12.0F), 11.0F, 12.0F});
  fixture.masks->apply(0, t);
  CHECK(fixture.mask("a", 0) == Values{0, 1, 1, 1, 1, 1});
}

TEST_CASE("a negative threshold is zero: only zeros go") {
  Fixture fixture;
  fixture.masks->set_moments({{0.1, 1, 7}, {0, 1, 7}});
  fixture.masks->apply(0, -5.0);
  CHECK(fixture.mask("a", 0) == Values{1, 1, 0, 1, 1, 1});
}

TEST_CASE("rates in the first mask element, as float32") {
  double rate = -1;
  CHECK(decode_mask_element(1, 1.5, rate));
  CHECK(rate == 1.5);
  CHECK(decode_mask_element(1, 0.001, rate));
  CHECK(rate == static_cast<double>(1.001F - 1.0F));
  CHECK(rate != 0.001);
  CHECK(decode_mask_element(0, 0.001, rate));
  CHECK(rate == static_cast<double>(0.001F));
  CHECK_FALSE(decode_mask_element(1, 0, rate));
  CHECK_FALSE(decode_mask_element(0, 0, rate));
  CHECK_FALSE(decode_mask_element(1, 1e-9, rate));  // 1 + c rounds to 1
  CHECK_FALSE(decode_mask_element(0, -1, rate));

  Fixture exact;
  exact.use_rates_as_thresholds();
  exact.masks->apply(0, 0);
  CHECK(exact.mask("a", 0) == Values{1, 1, 0, 1, 1, 1});
  Fixture encoded(RateEncoding::kMaskElement);
  encoded.use_rates_as_thresholds();
  encoded.masks->apply(0, 0);
  CHECK_FALSE(encoded.masks->masked(0));
  encoded.masks->apply(0, 1);
  CHECK(encoded.mask("a", 0) == Values{0, 1, 0, 1, 1, 0});
}

TEST_CASE("what must be known before a mask") {
  Fixture fixture;
  CHECK_THROWS_AS(fixture.masks->apply(0, 1), Error);
  fixture.masks->compute_moments();
  CHECK_THROWS_AS(fixture.masks->remask(0), Error);
  CHECK_THROWS_AS(fixture.masks->set_rates({1}), Error);
  CHECK_THROWS_AS(fixture.masks->set_rates({1, std::numeric_limits<double>::infinity()}), Error);
  fixture.masks->set_rates({0, 1});
  CHECK_THROWS_AS(fixture.masks->remask(2), Error);
  fixture.masks->remask(0);  // t = mu = 1
  CHECK(fixture.mask("a", 0) == Values{0, 1, 0, 1, 1, 0});
}

TEST_CASE("masks from outside") {
  Fixture fixture;
  const Values given{1, 0, 1, 0, 1, 0};
  fixture.masks->set_mask(fixture.parameter("a", 0), given.data());
  CHECK(fixture.mask("a", 0) == given);
  CHECK(fixture.mask("a", 1) == Values{1, 1});  // the sibling keeps everything
  CHECK(fixture.effective("a", 0) == Values{0.5F, -0.0F, 0, 0, 1, -0.0F});
  CHECK(fixture.masks->counts(0).kept_weights == 3);
  const Values half(6, 0.5F);
  CHECK_THROWS_AS(fixture.masks->set_mask(fixture.parameter("a", 0), half.data()), Error);
  CHECK_THROWS_AS(fixture.masks->set_mask(fixture.parameter("norm", 0), given.data()), Error);
  fixture.masks->remove(0);
  CHECK(fixture.effective("a", 0) == Values{0.5F, -1.0F, 0, 2, 1, -0.5F});
  CHECK(fixture.masks->kept() == 6 + 2 + 70001 + 5);
}

TEST_CASE("frozen masks list what they keep; any change of a mask ends that, and says so") {
  Fixture fixture;
  if (!fixture.backend().has_gather()) return;  // freezing changes nothing there
  const Values given{1, 0, 1, 0, 1, 0};
  const Parameter& weights = fixture.parameter("a", 0);
  fixture.masks->set_mask(fixture.parameter("a", 0), given.data());
  fixture.use_rates_as_thresholds();
  const auto changes = [&](const auto& change) {
    fixture.masks->freeze(true);
    CHECK(weights.frozen);
    CHECK_FALSE(fixture.parameter("b", 0).frozen);  // has no mask
    const std::uint64_t version = weights.mask_version;
    change();
    CHECK(weights.frozen == fixture.masks->frozen());
    CHECK(weights.kept_places.empty() != weights.frozen);
    return weights.mask_version != version;
  };
  fixture.masks->freeze(true);
  CHECK(weights.kept_places == std::vector<std::int32_t>{0, 2, 4});
  CHECK_FALSE(changes([&] { fixture.set("a", 0, {1, 2, 3, 4, 5, 6}); }));
  CHECK(fixture.masks->frozen());
  CHECK(changes([&] { fixture.masks->set_mask(fixture.parameter("a", 0), given.data()); }));
  CHECK_FALSE(fixture.masks->frozen());
  CHECK(changes([&] { fixture.masks->apply(0, 1); }));
  CHECK_FALSE(changes([&] { MaskTrial trial(*fixture.masks); }));
  CHECK(changes([&] {
    MaskTrial trial(*fixture.masks);
    trial.apply(0, 2);
  }));
  fixture.masks->freeze(true);
  fixture.masks->remove(0);
  CHECK_FALSE(fixture.masks->frozen());
}

// What a candidate gives on masks that nobody touched before it.
std::int64_t kept_alone(double first, double second, const std::vector<double>& before) {
  Fixture fixture;
  fixture.use_rates_as_thresholds();
  for (std::size_t layer = 0; layer < before.size(); ++layer) fixture.masks->apply(layer, before[layer]);
  fixture.masks->apply(0, first);
  fixture.masks->apply(1, second);
  return fixture.masks->kept();
}

TEST_CASE("a trial applies every candidate to the same masks, and leaves those as they were") {
  for (const bool masked : {false, true}) {
    CAPTURE(masked);
    Fixture fixture;
    fixture.use_rates_as_thresholds();
    const std::vector<double> before = masked ? std::vector<double>{1, 0.5} : std::vector<double>{};
    for (std::size_t layer = 0; layer < before.size(); ++layer) fixture.masks->apply(layer, before[layer]);
    const Values mask = fixture.mask("b", 0);
    const Values effective = fixture.effective("b", 0);
    const std::int64_t kept = fixture.masks->kept();
    {
      MaskTrial trial(*fixture.masks);
      const double candidates[][2] = {{1, 0.5}, {1, 2}, {1, 2}, {0.2, 0.45}, {1, 0.5}, {2, 0.1}};
      for (const auto& [first, second] : candidates) {
        trial.apply(0, first);
        trial.apply(1, second);
        CHECK(fixture.masks->kept() == kept_alone(first, second, before));
      }
    }
    CHECK(fixture.masks->masked(1) == masked);
    CHECK(fixture.mask("b", 0) == mask);
    CHECK(fixture.effective("b", 0) == effective);
    CHECK(fixture.masks->kept() == kept);
    fixture.masks->apply(1, 0.7);  // and nothing is remembered of the trial
    Fixture untried;
    untried.use_rates_as_thresholds();
    for (std::size_t layer = 0; layer < before.size(); ++layer) untried.masks->apply(layer, before[layer]);
    untried.masks->apply(1, 0.7);
    CHECK(fixture.mask("b", 0) == untried.mask("b", 0));
    CHECK(fixture.masks->kept() == untried.masks->kept());
  }
}

TEST_CASE("the same masks at any number of threads") {
  Values masks[2];
  for (int threads = 1; threads <= 2; ++threads) {
    Fixture fixture(RateEncoding::kExact, threads);
    const auto moments = fixture.masks->compute_moments();
    fixture.masks->apply(1, 0.3);
    masks[threads - 1] = fixture.mask("b", 0);
    masks[threads - 1].push_back(static_cast<float>(moments[1].mu));
  }
  CHECK(masks[0] == masks[1]);
}

}  // namespace
}  // namespace olmp
