// Generations of candidates evaluated side by side on the CUDA backend, its kernels run by the host, beside the CPU's one by
// one.
#include "test/test_main.h"

#include <cmath>

#include "cuda/cuda.h"
#include "test/session_fixtures.h"

namespace olmp {
namespace {

using nlohmann::json;

enum class NetKind { kPlain, kConvolution, kLargeConvolution, kPerClass };

SessionOptions options_of(const test::SessionFixture& fixture, NetKind shape, RateEncoding encoding, bool dropout = false) {
  SessionOptions options = fixture.options(5, "SGD", 16);
  options.rate_encoding = encoding;
  json train = json::parse(options.train);
  if (shape == NetKind::kConvolution || shape == NetKind::kLargeConvolution) {
    train = test::convolution_graph("TRAIN", train["layers"][0]["params"]["source"], 16);
  }
  json& layers = train["layers"];
  for (std::size_t l = layers.size(); l-- > 0;) {
    if (layers[l]["type"] == "Dropout" && !dropout) layers.erase(l);
  }
  for (json& layer : layers) {
    if (layer["type"] == "Accuracy" && shape == NetKind::kPerClass) {
      layer["tops"].push_back("per_class");
      layer["top_shapes"].push_back({10});
      layer["loss_weights"] = {0, 0};
    }
  }
  options.train = train.dump();
  options.test.clear();
  return options;
}

struct Opened {
  std::unique_ptr<Session> session;
  const Backend* backend = nullptr;  // the session's
};

Opened open(const SessionOptions& options, std::unique_ptr<Backend> backend) {
  Opened opened;
  opened.backend = backend.get();
  opened.session = std::make_unique<Session>(options, std::move(backend));
  opened.session->fill_parameters();
  opened.session->train(3, {}, test::kNever);
  opened.session->compute_moments();
  return opened;
}

std::int64_t in_use(const Opened& opened) {
  const DeviceMemory memory = *opened.backend->memory();
  return memory.total_bytes - memory.free_bytes;
}

std::vector<double> draw_rates(Random& random, std::size_t candidates, std::size_t layers) {
  std::vector<double> rates;
  for (std::size_t i = 0; i < candidates * layers; ++i) rates.push_back(random.uniform(-1, 2));
  return rates;
}

void check_alike(const RateEvaluations& got, const RateEvaluations& expected) {
  REQUIRE(got.kept.size() == expected.kept.size());
  // Weights at a threshold may differ in their last bit after a few steps of training.
  for (std::size_t c = 0; c < got.kept.size(); ++c) CHECK(std::abs(got.kept[c] - expected.kept[c]) <= (test::on_gpu() ? 2 : 0));
  REQUIRE(got.loss.size() == expected.loss.size());
  for (std::size_t c = 0; c < got.loss.size(); ++c) {
    CHECK(got.loss[c] == doctest::Approx(expected.loss[c]).epsilon(1e-4));
    CHECK(got.accuracy[c] == doctest::Approx(expected.accuracy[c]).epsilon(1e-4));
  }
}

}  // namespace

TEST_CASE("a generation side by side is what its candidates are one by one") {
  const test::SessionFixture fixture("cuda-population");
  for (const NetKind shape : {NetKind::kPlain, NetKind::kConvolution, NetKind::kLargeConvolution, NetKind::kPerClass}) {
    for (const RateEncoding encoding : {RateEncoding::kExact, RateEncoding::kMaskElement}) {
      for (const bool sequential : {false, true}) {
        CAPTURE(static_cast<int>(shape));
        CAPTURE(static_cast<int>(encoding));
        CAPTURE(sequential);
        const SessionOptions options = options_of(fixture, shape, encoding);
        const Opened cpu = open(options, make_cpu_backend(1));
        EmulatedCudaOptions emulated;
        emulated.small_convolutions = shape != NetKind::kLargeConvolution;
        const Opened device = open(options, test::make_device_backend(emulated));
        const std::size_t layers = cpu.session->prunable_layers().size();
        Random random(11);
        for (int generation = 0; generation < 6; ++generation) {
          CAPTURE(generation);
          std::vector<double> rates = draw_rates(random, 7, layers);
          if (generation >= 2) {  // a layer that is not drawn, and candidates alike
            for (std::size_t c = 0; c < 7; ++c) rates[c * layers] = NAN;
            std::copy_n(rates.begin(), layers, rates.begin() + static_cast<std::ptrdiff_t>(3 * layers));
          }
          if (generation == 4) {  // masks to start from
            for (Session* session : {cpu.session.get(), device.session.get()}) {
              session->set_rates(std::vector<double>(layers, 0.4));
              session->remask({layers - 1});
            }
          }
          check_alike(device.session->evaluate_rates(rates, sequential, test::kNever),
                      cpu.session->evaluate_rates(rates, sequential, test::kNever));
          if (!test::on_gpu()) CHECK(test::masks_of(*device.session) == test::masks_of(*cpu.session));
        }
        // Training goes on as if nothing had been tried.
        const auto expected = cpu.session->train(4, {}, test::kNever).rows;
        const auto rows = device.session->train(4, {}, test::kNever).rows;
        for (std::size_t i = 0; i < rows.size(); ++i) CHECK(rows[i] == doctest::Approx(expected[i]).epsilon(1e-3));
      }
    }
  }
}

TEST_CASE("where memory does not allow all at once a generation is evaluated in parts, or one by one") {
  if (test::on_gpu()) return;  // which has the memory it has
  const test::SessionFixture fixture("cuda-population-parts");
  const SessionOptions options = options_of(fixture, NetKind::kConvolution, RateEncoding::kExact);
  const Opened wide = open(options, test::make_device_backend());
  const std::int64_t needed = in_use(wide);
  Random random(4);
  const auto rates = draw_rates(random, 9, wide.session->prunable_layers().size());
  const RateEvaluations expected = wide.session->evaluate_rates(rates, false, test::kNever);
  const std::int64_t for_all = in_use(wide) - needed;
  REQUIRE(for_all > 0);
  for (const double share : {0.1, 0.6, 1.1, 3.0}) {
    CAPTURE(share);
    EmulatedCudaOptions narrow;
    // Enough for a whole batch while the session is made.
    const auto memory = std::make_shared<std::int64_t>(std::int64_t{1} << 40);
    narrow.memory_bytes = memory;
    const Opened device = open(options, test::make_device_backend(narrow));
    *memory = needed + static_cast<std::int64_t>(share * static_cast<double>(for_all));
    for (int again = 0; again < 3; ++again) {
      const RateEvaluations got = device.session->evaluate_rates(rates, false, test::kNever);
      CHECK(got.kept == expected.kept);
      for (std::size_t c = 0; c < got.loss.size(); ++c) CHECK(got.loss[c] == doctest::Approx(expected.loss[c]).epsilon(1e-6));
    }
  }
}

TEST_CASE("a cancelled generation ends with the candidates evaluated, a sequence with their masks") {
  const test::SessionFixture fixture("cuda-population-cancel");
  const SessionOptions options = options_of(fixture, NetKind::kPlain, RateEncoding::kExact);
  const Opened device = open(options, test::make_device_backend());
  const std::vector<double> rates{0.1, 0.2, 0.3, 0.4};
  CHECK(device.session->evaluate_rates(rates, false, [] { return true; }).loss.empty());
  CHECK(device.session->evaluate_rates(rates, true, [] { return true; }).loss.empty());
  for (const auto& mask : test::masks_of(*device.session)) CHECK(std::count(mask.begin(), mask.end(), 0.0F) == 0);
}

TEST_CASE("candidates by what they keep of each layer have the CPU's losses on the held sample") {
  const test::SessionFixture fixture("cuda-population-counts");
  for (const NetKind shape : {NetKind::kPlain, NetKind::kConvolution, NetKind::kPerClass}) {
    CAPTURE(static_cast<int>(shape));
    const SessionOptions options = options_of(fixture, shape, RateEncoding::kExact);
    const Opened cpu = open(options, make_cpu_backend(1));
    const Opened device = open(options, test::make_device_backend());
    const std::size_t layers = cpu.session->prunable_layers().size();
    Random random(6);
    for (Session* session : {cpu.session.get(), device.session.get()}) session->hold_sample(3);
    for (int round = 0; round < 3; ++round) {
      CAPTURE(round);
      for (Session* session : {cpu.session.get(), device.session.get()}) session->score_magnitude();
      std::vector<double> counts;
      for (std::size_t i = 0; i < 5 * layers; ++i) counts.push_back(random.below(120));
      for (int again = 0; again < 3; ++again) {
        const auto expected = cpu.session->evaluate_kept_counts(counts, test::kNever);
        const auto got = device.session->evaluate_kept_counts(counts, test::kNever);
        REQUIRE(got.size() == expected.size());
        for (std::size_t c = 0; c < got.size(); ++c) CHECK(got[c] == doctest::Approx(expected[c]).epsilon(1e-4));
      }
      for (Session* session : {cpu.session.get(), device.session.get()}) session->keep_best(100 - 20 * round);
      if (!test::on_gpu()) CHECK(test::masks_of(*device.session) == test::masks_of(*cpu.session));
    }
  }
}

TEST_CASE("dropout draws the same for all candidates of a generation") {
  const test::SessionFixture fixture("cuda-population-dropout");
  const SessionOptions options = options_of(fixture, NetKind::kPlain, RateEncoding::kExact, true);
  const Opened device = open(options, test::make_device_backend());
  // Different, but by rates that mean the same masks.
  const RateEvaluations found = device.session->evaluate_rates({-9, -9, -8, -8, 0.5, 0.5}, false, test::kNever);
  CHECK(found.loss[0] == found.loss[1]);
  CHECK(found.loss[0] != found.loss[2]);
  device.session->score_magnitude();
  device.session->hold_sample(3);
  const auto losses = device.session->evaluate_kept_counts({1000, 1000, 30, 30, 1000, 1000}, test::kNever);
  CHECK(losses[0] == losses[2]);
  CHECK(losses[0] != losses[1]);
  CHECK(device.session->evaluate_kept_counts({1000, 1000, 30, 30}, test::kNever)[1] == losses[1]);
}

}  // namespace olmp
