// A compression in cycles on the CUDA backend, its kernels run by the host, beside the same one on the CPU.
#include "test/test_main.h"

#include <cmath>

#include "bench/cycles.h"
#include "cuda/cuda.h"
#include "test/session_fixtures.h"

namespace olmp {
namespace {

using nlohmann::json;

// Shuffled copies of the images, so that a teacher can be had, and no dropout, which draws other random numbers.
SessionOptions comparable(SessionOptions options) {
  for (std::string* graph : {&options.train, &options.test}) {
    json description = json::parse(*graph);
    json& layers = description["layers"];
    for (std::size_t l = layers.size(); l-- > 0;) {
      if (layers[l]["type"] == "Dropout") layers.erase(l);
    }
    for (json& layer : layers) {
      if (layer["type"] != "Data") continue;
      layer["params"]["transform"]["mirror"] = false;
      if (graph != &options.train) continue;
      const json copies = {{"copies", 2}, {"cleanShare", 0.5}, {"shift", 1.0}, {"rotate", 8.0}, {"scale", 0.08}};
      layer["params"]["sampling"] = {{"held", 2}, {"part", "rest"}, {"shuffle", true}, {"augmentation", copies}, {"seed", 3}};
    }
    *graph = description.dump();
  }
  return options;
}

SessionOptions options_of(const test::SessionFixture& fixture, bool convolution) {
  SessionOptions options = fixture.options(3, "SGD", 20);
  if (convolution) {
    const std::string source = json::parse(options.train)["layers"][0]["params"]["source"];
    options.train = test::convolution_graph("TRAIN", source, 20).dump();
    options.test = test::convolution_graph("TEST", source, 20).dump();
  }
  return comparable(std::move(options));
}

std::unique_ptr<Session> open(const SessionOptions& options, bool device) {
  auto session = std::make_unique<Session>(options, device ? test::make_device_backend() : make_cpu_backend(1));
  session->fill_parameters();
  return session;
}

CyclePlan plan_of(std::int64_t kept) {
  CyclePlan plan;
  plan.fine_tuning = 60;
  plan.fine_tuning_rate = 0.02;
  plan.fine_tuning_decay = 5e-4;
  plan.rate = 0.02;
  plan.decay = 1e-4;
  plan.warmup = 5;
  plan.stages = {{0.5, 0.4, 30}, {0, 0.2, 30}};
  plan.fisher_batches = 6;
  plan.teacher_weight = 0.5;
  plan.temperature = 2;
  plan.kept = kept;
  plan.test_iterations = 5;
  return plan;
}

// A GPU sums in another order: what lies at the edge of a cut may fall on its other side.
void check_masks(const Session& got, const Session& expected) {
  const auto masks = test::masks_of(got);
  const auto wanted = test::masks_of(expected);
  if (!test::on_gpu()) {
    CHECK(masks == wanted);
    return;
  }
  double elements = 0;
  double different = 0;
  for (std::size_t p = 0; p < masks.size(); ++p) {
    for (std::size_t i = 0; i < masks[p].size(); ++i) {
      elements += 1;
      different += masks[p][i] != wanted[p][i] ? 1 : 0;
    }
  }
  CHECK(different <= 0.02 * elements);
}

void check_close(const std::vector<float>& got, const std::vector<float>& expected) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    CHECK(static_cast<double>(got[i]) == doctest::Approx(expected[i]).epsilon(2e-3).scale(0.05));
  }
}

}  // namespace

TEST_CASE("a compression in cycles takes the CPU's course: the same masks, weights and tests but for rounding") {
  for (const bool convolution : {false, true}) {
    CAPTURE(convolution);
    const test::SessionFixture fixture("cuda-cycles");
    const SessionOptions options = options_of(fixture, convolution);
    const auto cpu = open(options, false);
    const auto device = open(options, true);
    CyclePlan plan = plan_of(60);
    // Gains of a convolution's weights lie so close together that rounding decides which come back.
    if (!convolution) plan.growth = {0.4, 0.3, 0.1, 2, 4, 10, 2, 10};
    const auto expected = run_cycles(*cpu, plan, [](const CycleRecord&) {});
    const auto got = run_cycles(*device, plan, [](const CycleRecord&) {});
    REQUIRE(got.size() == expected.size());
    CHECK(got.size() > 8);
    CHECK(got.back().kept == 60);
    for (std::size_t i = 0; i < got.size(); ++i) {
      CAPTURE(i);
      CHECK(got[i].kept == expected[i].kept);
      CHECK(got[i].loss == doctest::Approx(expected[i].loss).epsilon(test::on_gpu() ? 2e-2 : 1e-3));
      for (std::size_t o = 0; !test::on_gpu() && o < got[i].tested.size(); ++o) {
        CHECK(got[i].tested[o] == doctest::Approx(expected[i].tested[o]).epsilon(2e-3));
      }
    }
    check_masks(*device, *cpu);
    for (std::size_t i = 0; !test::on_gpu() && i < cpu->parameters().all().size(); ++i) {
      for (const ParameterPart part : {ParameterPart::kValue, ParameterPart::kHistory}) {
        check_close(device->get_parameter(i, part), cpu->get_parameter(i, part));
      }
    }
  }
}

TEST_CASE("a compression goes on from the other device's state") {
  const test::SessionFixture fixture("cuda-cycles-move");
  const SessionOptions options = options_of(fixture, true);
  const auto device = open(options, true);
  const auto cpu = open(options, false);
  CyclePlan plan = plan_of(150);
  run_cycles(*device, plan, [](const CycleRecord&) {});
  device->save_state(fixture.file("state"));
  cpu->load_state(fixture.file("state"));
  CHECK(test::masks_of(*cpu) == test::masks_of(*device));
  plan.fine_tuning = 0;
  plan.kept = 100;
  for (Session* session : {cpu.get(), device.get()}) session->set_distillation(0, 1);
  const auto on_cpu = run_cycles(*cpu, plan, [](const CycleRecord&) {});
  const auto on_device = run_cycles(*device, plan, [](const CycleRecord&) {});
  CHECK(on_device.back().loss == doctest::Approx(on_cpu.back().loss).epsilon(test::on_gpu() ? 2e-2 : 1e-3));
  check_masks(*device, *cpu);
}

TEST_CASE("scores by Fisher's information are the CPU's: labels are drawn by the same numbers") {
  const test::SessionFixture fixture("cuda-fisher");
  const SessionOptions options = options_of(fixture, true);
  const auto cpu = open(options, false);
  const auto device = open(options, true);
  for (Session* session : {cpu.get(), device.get()}) {
    session->train(20, {}, test::kNever);
    session->score_fisher(8, 1e-6);
  }
  for (const std::int64_t total : {20, 100, 300, 700}) {
    const auto got = device->best_counts(total);
    const auto expected = cpu->best_counts(total);
    for (std::size_t layer = 0; layer < got.size(); ++layer) CHECK(std::abs(got[layer] - expected[layer]) <= (test::on_gpu() ? 2 : 0));
  }
  // The batch's own labels are back.
  CHECK(device->get_blob(Phase::kTrain, "label", BlobPart::kData) == cpu->get_blob(Phase::kTrain, "label", BlobPart::kData));
  CHECK(device->forward_train_batch().back() == doctest::Approx(cpu->forward_train_batch().back()).epsilon(1e-4));
}

}  // namespace olmp
