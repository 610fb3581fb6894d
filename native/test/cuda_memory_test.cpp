// The CUDA backend where memory is short: estimates, batches in parts, what is said, and what is left of a run. Its kernels
// are run by the host.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <algorithm>

#include "bench/cycles.h"
#include "cuda/cuda.h"
#include "engine/batch_parts.h"
#include "engine/error.h"
#include "engine/memory_estimate.h"
#include "test/session_fixtures.h"

namespace olmp {
namespace {

using nlohmann::json;

SessionOptions options_of(const test::SessionFixture& fixture, bool sampled = true) {
  SessionOptions options = fixture.options(3, "SGD", 20);
  const std::string source = json::parse(options.train)["layers"][0]["params"]["source"];
  for (std::string* graph : {&options.train, &options.test}) {
    json description = test::convolution_graph(graph == &options.train ? "TRAIN" : "TEST", source, 20);
    json& layers = description["layers"];
    layers.erase(std::find_if(layers.begin(), layers.end(), [](const json& layer) { return layer["type"] == "Dropout"; }));
    layers[0]["params"]["transform"]["mirror"] = false;
    if (sampled && graph == &options.train) {
      layers[0]["params"]["sampling"] = {{"held", 2}, {"part", "rest"}, {"shuffle", true}, {"augmentation", nullptr}, {"seed", 3}};
    }
    *graph = description.dump();
  }
  return options;
}

std::unique_ptr<Session> open(const SessionOptions& options, const EmulatedCudaOptions& device) {
  auto session = std::make_unique<Session>(options, make_emulated_cuda_backend(device));
  session->fill_parameters();
  return session;
}

std::unique_ptr<Session> open_cpu(const SessionOptions& options) {
  auto session = std::make_unique<Session>(options, make_cpu_backend(1));
  session->fill_parameters();
  return session;
}

MemoryEstimate estimate_of(const SessionOptions& options, std::int64_t free) {
  return estimate_memory(json::parse(options.train), json::parse(options.test), json::parse(options.solver), {free, free, 0});
}

constexpr std::int64_t kPlenty = std::int64_t{1} << 40;

// So little memory that batches are computed in `parts`.
EmulatedCudaOptions device_for(const SessionOptions& options, int parts) {
  std::int64_t low = 0;
  std::int64_t high = kPlenty;
  while (low + 1 < high) {
    const std::int64_t middle = (low + high) / 2;
    const MemoryEstimate estimate = estimate_of(options, middle);
    (estimate.fits && estimate.parts.train <= parts ? high : low) = middle;
  }
  EmulatedCudaOptions device;
  device.memory_bytes = std::make_shared<std::int64_t>(high + 4096);  // what the backend takes for itself
  return device;
}

CyclePlan plan_of() {
  CyclePlan plan;
  plan.fine_tuning = 40;
  plan.fine_tuning_rate = 0.02;
  plan.rate = 0.02;
  plan.decay = 1e-4;
  plan.warmup = 5;
  plan.stages = {{0.5, 0.4, 20}, {0, 0.2, 20}};
  plan.fisher_batches = 5;
  plan.teacher_weight = 0.5;
  plan.temperature = 2;
  plan.kept = 150;
  plan.test_iterations = 5;
  return plan;
}

}  // namespace

TEST_CASE("what a session takes is estimated before it takes it") {
  const test::SessionFixture fixture("cuda-estimate");
  const SessionOptions options = options_of(fixture);
  const std::int64_t needed = estimate_of(options, kPlenty).needed_bytes;
  auto backend = make_emulated_cuda_backend();
  const Backend& device = *backend;
  Session session(options, std::move(backend));
  session.fill_parameters();
  session.train(10, {}, test::kNever);
  session.score_fisher(2, 1e-3);
  session.keep_best(200);
  session.train(10, {}, test::kNever);
  session.test(2, test::kNever);
  const std::int64_t used = device.memory()->total_bytes - device.memory()->free_bytes;
  CHECK(needed >= used);
  CHECK(static_cast<double>(needed) < 1.3 * static_cast<double>(used));
  CHECK(estimate_of(options, needed).fits);
  CHECK(estimate_of(options, needed).parts.train == 1);
  CHECK_FALSE(estimate_of(options, 1000).fits);
}

TEST_CASE("a batch in parts takes the course of the whole one") {
  const test::SessionFixture fixture("cuda-parts");
  const SessionOptions options = options_of(fixture);
  for (const int parts : {2, 4}) {
    CAPTURE(parts);
    const auto device = open(options, device_for(options, parts));
    const auto cpu = open_cpu(options);
    REQUIRE(device->batch_parts().train == parts);
    REQUIRE(device->batch_parts().test > 1);
    const auto expected = run_cycles(*cpu, plan_of(), [](const CycleRecord&) {});
    const auto got = run_cycles(*device, plan_of(), [](const CycleRecord&) {});
    REQUIRE(got.size() == expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      CHECK(got[i].kept == expected[i].kept);
      CHECK(got[i].loss == doctest::Approx(expected[i].loss).epsilon(1e-3));
      for (std::size_t o = 0; o < got[i].tested.size(); ++o) {
        CHECK(got[i].tested[o] == doctest::Approx(expected[i].tested[o]).epsilon(2e-3));
      }
    }
    CHECK(test::masks_of(*device) == test::masks_of(*cpu));
    const auto blobs = device->forward_test({"ip2", "label"});
    const auto whole = cpu->forward_test({"ip2", "label"});
    CHECK(blobs[1] == whole[1]);
    REQUIRE(blobs[0].size() == whole[0].size());
    for (std::size_t i = 0; i < whole[0].size(); ++i) {
      CHECK(static_cast<double>(blobs[0][i]) == doctest::Approx(whole[0][i]).epsilon(2e-3).scale(0.1));
    }
  }
}

TEST_CASE("candidates and the loaded batch are those of the whole batch") {
  const test::SessionFixture fixture("cuda-parts-search");
  const SessionOptions options = options_of(fixture, false);
  const std::int64_t little = *device_for(options, 4).memory_bytes;
  for (const bool side_by_side : {false, true}) {
    CAPTURE(side_by_side);
    const auto memory = std::make_shared<std::int64_t>(little);
    EmulatedCudaOptions narrow;
    narrow.memory_bytes = memory;
    const auto cpu = open_cpu(options);
    const auto device = open(options, narrow);
    REQUIRE(device->batch_parts().train == 4);
    if (side_by_side) *memory = kPlenty;
    for (Session* session : {cpu.get(), device.get()}) {
      session->train(5, {}, test::kNever);
      session->compute_moments();
    }
    const auto loaded = device->forward_train_batch();
    const auto wanted = cpu->forward_train_batch();
    for (std::size_t i = 0; i < wanted.size(); ++i) CHECK(loaded[i] == doctest::Approx(wanted[i]).epsilon(1e-4));
    Random random(5);
    std::vector<double> rates;
    for (int i = 0; i < 12; ++i) rates.push_back(random.uniform(-1, 1));
    for (const bool sequential : {false, true, true}) {
      const RateEvaluations expected = cpu->evaluate_rates(rates, sequential, test::kNever);
      const RateEvaluations got = device->evaluate_rates(rates, sequential, test::kNever);
      CHECK(got.kept == expected.kept);
      for (std::size_t c = 0; c < got.loss.size(); ++c) {
        CHECK(got.loss[c] == doctest::Approx(expected.loss[c]).epsilon(1e-4));
        CHECK(got.accuracy[c] == doctest::Approx(expected.accuracy[c]).epsilon(1e-4));
      }
      CHECK(test::masks_of(*device) == test::masks_of(*cpu));
    }
  }
}

TEST_CASE("a state goes between sessions that compute a batch in parts and as a whole") {
  const test::SessionFixture fixture("cuda-parts-state");
  const SessionOptions options = options_of(fixture, false);
  const auto device = open(options, device_for(options, 2));
  REQUIRE(device->batch_parts().train == 2);
  device->train(7, {}, test::kNever);
  device->forward_test({"ip2"});
  device->save_state(fixture.file("state"));
  const auto cpu = open_cpu(options);
  cpu->load_state(fixture.file("state"));
  const auto expected = device->forward_train_batch();
  const auto got = cpu->forward_train_batch();
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == doctest::Approx(expected[i]).epsilon(1e-4));
  cpu->save_state(fixture.file("whole"));
  const auto again = open(options, device_for(options, 2));
  again->load_state(fixture.file("whole"));
  CHECK(again->forward_train_batch() == device->forward_train_batch());
  CHECK(again->train(5, {}, test::kNever).rows == device->train(5, {}, test::kNever).rows);
}

TEST_CASE("where a batch cannot be computed in parts the error says why") {
  const test::SessionFixture fixture("cuda-whole");
  SessionOptions options = options_of(fixture);
  json train = json::parse(options.train);
  CHECK(why_not_in_parts(train).empty());
  for (json& layer : train["layers"]) {
    if (layer["type"] == "SoftmaxWithLoss") layer["params"]["ignore_label"] = 255;
  }
  CHECK(test::holds(why_not_in_parts(train), "layer 'loss' (SoftmaxWithLoss)"));
  options.train = train.dump();
  EmulatedCudaOptions device;
  device.memory_bytes = std::make_shared<std::int64_t>(20000);
  const std::string message = test::message_of([&] { open(options, device); });
  CHECK(test::holds(message, "out-of-gpu-memory"));
  CHECK(test::holds(message, "of 1 MB are free"));
  CHECK(test::holds(message, "cannot be computed in parts: layer 'loss'"));
  const json norm = {{"name", "bn"}, {"type", "BatchNorm"}, {"params", {{"use_global_stats", false}}}};
  train = json::parse(options_of(fixture).train);
  train["layers"].insert(train["layers"].begin() + 2, norm);
  CHECK(test::holds(why_not_in_parts(train), "statistics of the whole batch"));
}

TEST_CASE("whichever memory is not there, the error names it, and the session's state can still be saved") {
  const test::SessionFixture fixture("cuda-failing");
  const SessionOptions options = options_of(fixture);
  int built = 0;
  bool succeeded = false;
  for (int failing = 1; failing < 200 && !succeeded; ++failing) {
    CAPTURE(failing);
    EmulatedCudaOptions device;
    device.failing_allocation = failing;
    std::unique_ptr<Session> session;
    const std::string message = test::message_of([&] {
      session = open(options, device);
      session->train(3, {}, test::kNever);
      session->compute_moments();
      session->evaluate_rates({0.1, 0.2, 0.3, 0.4, 0.5, 0.6}, false, test::kNever);
      session->score_fisher(2, 1e-3);
      session->keep_best(200);
      session->freeze_masks(true);
      session->train(3, {}, test::kNever);
      session->test(2, test::kNever);
    });
    succeeded = message == "none";
    if (!succeeded) {
      CHECK(test::holds(message, "out-of-gpu-memory: Not enough GPU memory for "));
      CHECK(test::holds(message, "more are needed"));
      CHECK(test::holds(message, "choose the device 'cpu'"));
    }
    if (session == nullptr) continue;
    ++built;
    session->save_state(fixture.file("left"));
    const auto cpu = open_cpu(options);
    cpu->load_state(fixture.file("left"));
    CHECK(cpu->iteration() == session->iteration());
    CHECK(cpu->train(2, {}, test::kNever).completed == 2);
  }
  CHECK(succeeded);
  CHECK(built > 3);
}

}  // namespace olmp
