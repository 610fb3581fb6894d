// Candidates of a search tried at once against the session's own masks, one after another.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/ranking.h"
#include "test/chain_fixtures.h"

namespace olmp {
namespace {

using test::ChainGraph;
using test::error_code;
using test::json;
using test::kNever;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int kBatch = 70;

std::vector<json> graphs() {
  const Shape images{kBatch, 2, 12, 12};
  ChainGraph lenet(images);
  lenet.convolution(6, 5).pooling("MAX", 2, 2).convolution(8, 3).relu().inner_product(30).relu().inner_product(10);
  ChainGraph flat({kBatch, 40});
  flat.inner_product(50).relu().inner_product(25, true).relu().inner_product(10, false, false);
  ChainGraph pools(images);
  pools.pooling("AVE", 2, 2).convolution(8, 3, 1, 1).relu().pooling("MAX", 2, 2).inner_product(10);
  ChainGraph other(images);  // no chain that is worked out as a whole: candidates one by one
  other.convolution(6, 5).pooling("MAX", 2, 2).other("Sigmoid", json::object()).convolution(8, 3).relu().inner_product(30).inner_product(10);
  return {lenet.build(), flat.build("TRAIN", 3), pools.build("TRAIN", nullptr, "FULL", {1, 3}), other.build()};
}

std::unique_ptr<Session> open(const json& graph, int threads = 1, RateEncoding encoding = RateEncoding::kExact) {
  SessionOptions options;
  options.train = graph.dump();
  options.solver = test::solver_json().dump();
  options.threads = threads;
  options.rate_encoding = encoding;
  auto session = std::make_unique<Session>(options);
  session->fill_parameters();
  Random random(8);
  const auto place = [&](const char* blob, auto value) {
    std::vector<float> values = session->get_blob(Phase::kTrain, blob, BlobPart::kData);
    for (float& element : values) element = value();
    session->set_blob(Phase::kTrain, blob, BlobPart::kData, values);
  };
  place("data", [&] { return random.uniform(-1, 1); });
  place("label", [&] { return static_cast<float>(random.below(10)); });
  for (std::size_t p = 0; p < session->parameters().all().size(); ++p) {
    // Some are equal, some are zero.
    std::vector<float> values = session->get_parameter(p, ParameterPart::kValue);
    for (float& value : values) value = std::round(random.uniform(-1, 1) * 200) / 200;
    session->set_parameter(p, ParameterPart::kValue, values);
  }
  session->forward(Phase::kTrain);
  session->set_moments(session->compute_moments());
  return session;
}

// Rows of rates, some of layers left as they are, some equal.
std::vector<double> random_rates(std::size_t layers, std::size_t candidates, Random& random) {
  std::vector<double> rates;
  for (std::size_t i = 0; i < layers * candidates; ++i) {
    const double draw = random.uniform();
    rates.push_back(draw < 0.1 ? kNaN : draw < 0.2 ? 0.25 : static_cast<double>(random.uniform(-1.5F, 1.6F)));
  }
  return rates;
}

struct Expected {
  std::vector<double> loss;
  std::vector<double> accuracy;
  std::vector<double> kept;
};

// By the session's own masks: `prepare` brings it to where the candidate starts.
template <typename Prepare>
Expected expect(Session& session, const std::vector<double>& rates, const Prepare& prepare) {
  const std::size_t layers = session.prunable_layers().size();
  Expected expected;
  for (std::size_t first = 0; first < rates.size(); first += layers) {
    prepare();
    std::vector<double> own(layers);
    std::vector<std::size_t> which;
    for (std::size_t layer = 0; layer < layers; ++layer) {
      if (std::isnan(rates[first + layer])) continue;
      own[layer] = rates[first + layer];
      which.push_back(layer);
    }
    session.set_rates(own);
    session.remask(which);
    const std::vector<double> values = session.forward_train_batch();
    expected.loss.push_back(values.back());
    expected.accuracy.push_back(values.front());
    double kept = 0;
    for (const KeptCounts& counts : session.kept_counts()) kept += static_cast<double>(counts.kept_weights + counts.kept_biases);
    expected.kept.push_back(kept);
  }
  return expected;
}

void check(const RateEvaluations& got, const Expected& wanted) {
  CHECK(got.kept == wanted.kept);
  REQUIRE(got.loss.size() == wanted.loss.size());
  for (std::size_t p = 0; p < got.loss.size(); ++p) {
    CHECK(got.loss[p] == doctest::Approx(wanted.loss[p]).epsilon(1e-5));
    CHECK(got.accuracy[p] == doctest::Approx(wanted.accuracy[p]).epsilon(1e-5));
  }
}

void set_masks(Session& session, const std::vector<std::vector<float>>& masks) {
  for (std::size_t p = 0; p < masks.size(); ++p) session.set_parameter(p, ParameterPart::kMask, masks[p]);
}

std::vector<std::vector<float>> random_masks(const Session& session, Random& random) {
  auto masks = test::masks_of(session);
  for (auto& mask : masks) {
    for (float& value : mask) value = random.uniform() < 0.6 ? 1.0F : 0.0F;
  }
  return masks;
}

}  // namespace

TEST_CASE("a ranking: order, thresholds, spans") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Ranking ranking({0.5F, 2, nan, 0.5F, 0, -1, 1}, {1, 0, 1, 0, 1, 1, 1});
  std::vector<std::int32_t> ranks;
  for (std::size_t i = 0; i < 7; ++i) ranks.push_back(ranking.rank(i));
  CHECK(ranks == std::vector<std::int32_t>{2, 0, 5, 3, 4, 6, 1});
  CHECK(ranking.above(0.5F) == 2);
  CHECK(ranking.above(0.49F) == 4);
  CHECK(ranking.above(0) == 4);
  CHECK(ranking.above(-0.5F) == 5);
  CHECK(ranking.count(ranking.as_before()) == 5);
  CHECK(ranking.count(ranking.first(3)) == 3);
  CHECK(ranking.first(0).empty());
  // 2 stays away, 1 is above; the 0.5s lie between and stay as they were.
  const RankedMask between = ranking.after(ranking.as_before(), 0.4F, 0.9F);
  CHECK(ranking.count(between) == 3);
  CHECK(ranking.keeps(between, 0));
  CHECK(ranking.keeps(between, 1));
  CHECK(!ranking.keeps(between, 3));
  std::vector<float> filled(7);
  ranking.fill(between, 0, 7, filled.data());
  CHECK(filled == std::vector<float>{1, 1, 0, 0, 0, 0, 1});
  // What a first threshold took does not come back under a second one's lower edge.
  const RankedMask later = ranking.after(ranking.after(ranking.as_before(), 1.5F, 1.8F), 0.4F, 1.2F);
  CHECK(ranking.count(later) == 1);
}

TEST_CASE("independent candidates, from masks and from none") {
  for (const json& graph : graphs()) {
    for (const int threads : {1, 3}) {
      Random random(11);
      const auto session = open(graph, threads);
      const auto reference = open(graph);
      const std::size_t layers = session->prunable_layers().size();
      const auto rates = random_rates(layers, 12, random);
      const auto before = test::contents(*session);
      // From none: all ones, as a layer without masks is.
      std::vector<std::vector<float>> ones = random_masks(*reference, random);
      for (auto& mask : ones) std::fill(mask.begin(), mask.end(), 1.0F);
      check(session->evaluate_rates(rates, false, kNever), expect(*reference, rates, [&] { set_masks(*reference, ones); }));
      CHECK(test::contents(*session) == before);

      const auto masks = random_masks(*session, random);
      set_masks(*session, masks);
      const auto masked = test::contents(*session);
      for (int generation = 0; generation < 3; ++generation) {
        const auto more = random_rates(layers, 7, random);
        check(session->evaluate_rates(more, false, kNever), expect(*reference, more, [&] { set_masks(*reference, masks); }));
      }
      CHECK(test::contents(*session) == masked);
    }
  }
}

TEST_CASE("candidates one after another on the live masks, which stay as the last leaves them") {
  for (const RateEncoding encoding : {RateEncoding::kExact, RateEncoding::kMaskElement}) {
    for (const json& graph : graphs()) {
      Random random(12);
      const auto session = open(graph, 2, encoding);
      const auto reference = open(graph, 1, encoding);
      const std::size_t layers = session->prunable_layers().size();
      for (int generation = 0; generation < 4; ++generation) {
        const auto rates = random_rates(layers, 6, random);
        check(session->evaluate_rates(rates, true, kNever), expect(*reference, rates, [] {}));
        CHECK(test::masks_of(*session) == test::masks_of(*reference));
      }
      // Masks and values that changed meanwhile are seen.
      const auto masks = random_masks(*session, random);
      for (Session* one : {session.get(), reference.get()}) {
        set_masks(*one, masks);
        auto values = one->get_parameter(0, ParameterPart::kValue);
        for (float& value : values) value *= 1.3F;
        one->set_parameter(0, ParameterPart::kValue, values);
      }
      const auto rates = random_rates(layers, 5, random);
      check(session->evaluate_rates(rates, true, kNever), expect(*reference, rates, [] {}));
    }
  }
}

TEST_CASE("candidates that cannot win are given up: by their size, by their accuracy") {
  for (const json& graph : graphs()) {
    Random random(13);
    const auto session = open(graph);
    const std::size_t layers = session->prunable_layers().size();
    const auto rates = random_rates(layers, 20, random);
    const RateEvaluations all = session->evaluate_rates(rates, false, kNever);
    SearchBounds bounds;
    double most = 0;
    for (const double accuracy : all.accuracy) most = std::max(most, accuracy);
    bounds.least_accuracy = 0.9 * most;
    for (std::size_t p = 0; p < 20; ++p) bounds.most_kept.push_back(p % 3 == 0 ? all.kept[p] : all.kept[p] + 1);
    const RateEvaluations some = session->evaluate_rates(rates, false, kNever, bounds);
    CHECK(some.kept == all.kept);
    int finished = 0;
    for (std::size_t p = 0; p < 20; ++p) {
      if (p % 3 == 0) {
        CHECK(std::isnan(some.accuracy[p]));
      } else if (all.accuracy[p] >= bounds.least_accuracy) {
        CHECK(some.accuracy[p] == all.accuracy[p]);
        CHECK(some.loss[p] == all.loss[p]);
        ++finished;
      } else if (!std::isnan(some.accuracy[p])) {
        CHECK(some.accuracy[p] == all.accuracy[p]);
      }
    }
    CHECK(finished > 0);
  }
}

TEST_CASE("what is given up in between changes nothing for those after it") {
  // One block of images is done and another not when a candidate is given up.
  Random random(14);
  const json graph = graphs()[0];
  const auto session = open(graph);
  const std::size_t layers = session->prunable_layers().size();
  auto rates = random_rates(layers, 30, random);
  for (std::size_t p = 0; p < 30; ++p) rates[p * layers] = p < 15 ? 0.3 : 0.4;  // the first layer in common
  const RateEvaluations all = session->evaluate_rates(rates, false, kNever);
  std::vector<double> sorted = all.accuracy;
  std::sort(sorted.begin(), sorted.end());
  SearchBounds bounds;
  bounds.least_accuracy = sorted[15];
  const RateEvaluations some = session->evaluate_rates(rates, false, kNever, bounds);
  int given_up = 0;
  for (std::size_t p = 0; p < 30; ++p) {
    if (std::isnan(some.accuracy[p])) {
      CHECK(all.accuracy[p] < bounds.least_accuracy);
      ++given_up;
    } else {
      CHECK(some.loss[p] == all.loss[p]);
    }
  }
  CHECK(given_up > 0);
}

TEST_CASE("counts by score on held batches") {
  for (const json& graph : graphs()) {
    Random random(15);
    const auto session = open(graph, 2);
    const auto reference = open(graph);
    const auto masks = random_masks(*session, random);
    const std::size_t layers = session->prunable_layers().size();
    for (Session* one : {session.get(), reference.get()}) {
      set_masks(*one, masks);
      one->score_magnitude();
      one->hold_sample(3);
    }
    std::vector<double> counts;
    std::vector<double> expected;
    for (int candidate = 0; candidate < 6; ++candidate) {
      std::vector<double> own;
      for (const KeptCounts& kept : session->kept_counts()) {
        own.push_back(std::floor(static_cast<double>(random.uniform(0, 1.2F)) *
                                 static_cast<double>(kept.kept_weights + kept.kept_biases)));
      }
      counts.insert(counts.end(), own.begin(), own.end());
      set_masks(*reference, masks);
      reference->keep_best_of_layers(own);
      expected.push_back(reference->forward_train_batch().back());
    }
    const auto before = test::contents(*session);
    const std::vector<double> losses = session->evaluate_kept_counts(counts, kNever);
    REQUIRE(losses.size() == expected.size());
    for (std::size_t p = 0; p < losses.size(); ++p) CHECK(losses[p] == doctest::Approx(expected[p]).epsilon(1e-5));
    CHECK(test::contents(*session) == before);
    CHECK(counts.size() == 6 * layers);
  }
}

TEST_CASE("what cannot be is refused, and a cancelled search ends") {
  const auto session = open(graphs()[1]);
  CHECK(error_code([&] { session->evaluate_rates({1.0}, true, kNever); }) == "bad-argument");
  SearchBounds bounds;
  bounds.most_kept = {1};
  CHECK(error_code([&] { session->evaluate_rates(std::vector<double>(6), true, kNever, bounds); }) == "bad-argument");
  const RateEvaluations none = session->evaluate_rates(std::vector<double>(6), true, [] { return true; });
  CHECK(none.kept.empty());
  session->set_blob(Phase::kTrain, "label", BlobPart::kData, std::vector<float>(kBatch, 12));
  CHECK(error_code([&] { session->evaluate_rates(std::vector<double>(6), false, kNever); }) == "bad-label");
}

}  // namespace olmp
