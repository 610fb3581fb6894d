// Parameters that come back: which, how many, and what they are then.
#include "test/test_main.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "test/session_fixtures.h"

namespace olmp {
namespace {

using nlohmann::json;

// Every batch is the same eight images.
SessionOptions same_batch(const test::SessionFixture& fixture, bool convolution) {
  SessionOptions options = fixture.options(5);
  json train = json::parse(options.train);
  const std::string source = train["layers"][0]["params"]["source"];
  if (convolution) train = test::convolution_graph("TRAIN", source, 12);
  for (json& layer : train["layers"]) {
    if (layer["type"] == "Dropout") layer["params"]["dropout_ratio"] = 0;
    if (layer["type"] != "Data") continue;
    layer["params"]["transform"]["mirror"] = false;
    layer["params"]["sampling"] = {{"held", 42}, {"part", "rest"}, {"shuffle", true}, {"augmentation", nullptr}, {"seed", 3}};
  }
  options.train = train.dump();
  if (convolution) options.test = test::convolution_graph("TEST", source, 12).dump();
  return options;
}

std::unique_ptr<Session> pruned(const test::SessionFixture& fixture, bool convolution, std::int64_t kept) {
  const SessionOptions options = same_batch(fixture, convolution);
  auto session = std::make_unique<Session>(options, test::make_test_backend(options.threads));
  session->fill_parameters();
  session->train(5, {}, test::kNever);
  session->score_magnitude();
  session->keep_best(kept);
  session->freeze_masks(true);
  session->train(20, {}, test::kNever);
  return session;
}

struct Place {
  std::size_t parameter;
  std::size_t element;
  double slope;
};

// Of the loss by every pruned parameter that is prunable, by finite differences.
std::vector<Place> slopes(Session& session) {
  std::vector<Place> places;
  constexpr float kStep = 0.01F;
  session.freeze_masks(false);
  const auto& all = session.parameters().all();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto values = session.get_parameter(i, ParameterPart::kValue);
    const auto mask = session.get_parameter(i, ParameterPart::kMask);
    const auto loss_with = [&](std::size_t k, float value) {
      auto changed = values;
      auto opened = mask;
      changed[k] = value;
      opened[k] = 1;
      session.set_parameter(i, ParameterPart::kValue, changed);
      session.set_parameter(i, ParameterPart::kMask, opened);
      const double loss = session.forward_train_batch().back();
      session.set_parameter(i, ParameterPart::kMask, mask);
      session.set_parameter(i, ParameterPart::kValue, values);
      return loss;
    };
    for (std::size_t k = 0; k < mask.size(); ++k) {
      if (mask[k] != 0.0F) continue;
      places.push_back({i, k, (loss_with(k, kStep) - loss_with(k, -kStep)) / (2 * kStep)});
    }
  }
  return places;
}

std::size_t output_of(const Session& session, const Place& place) {
  const Tensor& tensor = session.parameters().all()[place.parameter]->tensor;
  return place.element / static_cast<std::size_t>(tensor.count() / tensor.shape.front());
}

TEST_CASE("what comes back are the pruned parameters by which the loss falls most, so many of each output") {
  const test::SessionFixture fixture("growth");
  for (const bool convolution : {false, true}) {
    for (const int per_output : {1, 2, 1000}) {
      CAPTURE(convolution);
      CAPTURE(per_output);
      const auto session = pruned(fixture, convolution, 60);
      std::vector<Place> places = slopes(*session);
      std::stable_sort(places.begin(), places.end(),
                       [](const Place& a, const Place& b) { return std::abs(a.slope) > std::abs(b.slope); });
      // With a damping far above any gradient gains go by their squares alone.
      session->score_growth(4, 1e3);
      constexpr std::int64_t kGrown = 6;
      std::map<std::pair<int, std::size_t>, int> taken;
      std::set<std::pair<std::size_t, std::size_t>> wanted;
      for (const Place& place : places) {
        if (static_cast<std::int64_t>(wanted.size()) == kGrown) break;
        const int layer = session->parameters().all()[place.parameter]->prunable;
        if (taken[{layer, output_of(*session, place)}]++ < per_output) wanted.emplace(place.parameter, place.element);
      }
      std::vector<std::vector<float>> before;
      const std::size_t parameters = session->parameters().all().size();
      for (std::size_t i = 0; i < parameters; ++i) before.push_back(session->get_parameter(i, ParameterPart::kMask));
      CHECK(session->grow_best(kGrown, per_output) == kGrown);
      std::set<std::pair<std::size_t, std::size_t>> found;
      for (std::size_t i = 0; i < parameters; ++i) {
        const auto mask = session->get_parameter(i, ParameterPart::kMask);
        const auto values = session->get_parameter(i, ParameterPart::kValue);
        for (std::size_t k = 0; k < mask.size(); ++k) {
          CHECK(mask[k] >= before[i][k]);
          if (mask[k] == before[i][k]) continue;
          found.emplace(i, k);
          CHECK(values[k] == 0.0F);
        }
      }
      CHECK(found == wanted);
    }
  }
}

TEST_CASE("what no gradient reaches stays pruned, and noise brings nothing back") {
  const test::SessionFixture fixture("growth-dead");
  const auto session = pruned(fixture, false, 30);
  // no weight reads unit 0
  const auto& all = session->parameters().all();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i]->layer != "ip2" || all[i]->slot != 0) continue;
    auto mask = session->get_parameter(i, ParameterPart::kMask);
    for (std::size_t k = 0; k < mask.size(); k += 12) mask[k] = 0;
    session->set_parameter(i, ParameterPart::kMask, mask);
  }
  session->score_growth(4, 1e-3);
  const std::int64_t grown = session->grow_best(1000000, 1000000);
  CHECK(grown > 0);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i]->layer != "ip1") continue;
    const auto mask = session->get_parameter(i, ParameterPart::kMask);
    CHECK(std::accumulate(mask.begin(), mask.begin() + (all[i]->slot == 0 ? 16 : 1), 0.0) <= 1);
  }
  CHECK_THROWS_AS(session->grow_best(1, 1), Error);  // gains of a net that has changed since
  CHECK_THROWS_AS(session->score_growth(1, 1e-3), Error);
}

TEST_CASE("growth and the training after it repeat bit for bit") {
  const test::SessionFixture fixture("growth-repeat");
  const auto run = [&] {
    const auto session = pruned(fixture, true, 60);
    session->score_growth(3, 1e-3);
    session->grow_best(10, 1);
    session->freeze_masks(true);
    session->reset_history();
    return session->train(10, {}, test::kNever).rows;
  };
  const auto first = run();
  CHECK(run() == first);
}

}  // namespace
}  // namespace olmp
