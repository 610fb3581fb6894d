// A whole session on a small net: training, masks, population evaluation, and its state file, sound and damaged.
#include "engine/session.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "engine/crc32.h"
#include "engine/filler.h"
#include "test/session_fixtures.h"
#include "test/test_main.h"

namespace olmp {
namespace {

using nlohmann::json;
using test::error_code;

using test::contents;
using test::graph;
using test::kNever;
using test::solver_json;
using Fixture = test::SessionFixture;

const std::vector<std::uint32_t> kRemask = {1, 0, 3, 2, 0, 1, 3, 0, 2, 0};

void prepare_masks(Session& session) {
  session.compute_moments();
  session.set_rates({0.1, -0.2});
}

TEST_CASE("training moves the loss down and counts iterations") {
  const Fixture fixture("session-train");
  const auto session = fixture.open(1);
  CHECK(session->outputs(Phase::kTrain) == std::vector<std::string>{"accuracy", "loss"});
  CHECK(session->prunable_layers() == std::vector<std::string>{"ip1", "ip2"});
  constexpr int kIterations = 1000;
  const TrainResult result = session->train(kIterations, {}, kNever);
  REQUIRE(result.completed == kIterations);
  REQUIRE(result.rows.size() == 4 * kIterations);
  double first = 0;
  double last = 0;
  for (std::size_t i = 0; i < 50; ++i) {
    first += result.rows[4 * i + 2];
    last += result.rows[4 * (kIterations - 1 - i) + 2];
  }
  CHECK(last < 0.9 * first);
  CHECK(last / 50 < 2.25);  // a guess among ten classes: ln 10 = 2.30
  CHECK(result.rows[3] == doctest::Approx(0.05));
  CHECK(session->iteration() == kIterations);
  CHECK(session->memory_bytes() > 0);
}

TEST_CASE("masks drawn per iteration; the word count is checked") {
  const Fixture fixture("session-remask");
  const auto session = fixture.open(1);
  CHECK(error_code([&] { session->train(10, kRemask, kNever); }) == "no-rates");
  prepare_masks(*session);
  CHECK(error_code([&] { session->train(3, kRemask, kNever); }) == "bad-argument");
  session->train(2, {1, 0}, kNever);
  const auto counts = session->kept_counts();
  CHECK(counts[0].kept_weights < counts[0].weights);
  CHECK(counts[1].kept_weights == counts[1].weights);
  CHECK(session->iteration() == 2);
}

TEST_CASE("cancelling ends at the next boundary") {
  const Fixture fixture("session-cancel");
  const auto session = fixture.open(1);
  prepare_masks(*session);
  int asked = 0;
  const Session::Cancelled third = [&asked] { return ++asked > 3; };
  const TrainResult result = session->train(100, {}, third);
  CHECK(result.stop == TrainResult::Stop::kCancelled);
  CHECK(result.completed == 3);
  asked = 0;
  const RateEvaluations evaluations = session->evaluate_rates(std::vector<double>(20, 0.5), false, third);
  // A device takes a generation at once.
  CHECK(evaluations.loss.size() == (test::test_device() == "cpu" ? 3 : 10));
  CHECK(session->kept_counts()[0].kept_weights == 12 * 16);
  asked = 3;
  CHECK(std::isnan(session->test(5, third)[0]));
}

TEST_CASE("a population on one batch") {
  const Fixture fixture("session-population");
  const auto session = fixture.open(1);
  prepare_masks(*session);
  session->train(4, {3, 0, 0, 0}, kNever);
  const auto before = contents(*session);
  const std::vector<double> rates = {0.5, 0.5, 0.5, 1.0, -1.0, 0.0, 0.5, 0.5};
  const RateEvaluations independent = session->evaluate_rates(rates, false, kNever);
  REQUIRE(independent.kept.size() == 4);
  CHECK(independent.kept[0] == independent.kept[3]);
  CHECK(independent.kept[1] < independent.kept[0]);
  CHECK(contents(*session) == before);
  session->evaluate_rates(rates, true, kNever);
  CHECK(contents(*session) != before);
  CHECK(error_code([&] { session->evaluate_rates({1.0}, true, kNever); }) == "bad-argument");
}

TEST_CASE("a saved state has the same future, whatever the session was before") {
  for (const char* solver : {"SGD", "Adam"}) {
    CAPTURE(solver);
    const Fixture fixture("session-state");
    const auto first = fixture.open(1, solver);
    prepare_masks(*first);
    first->train(10, kRemask, kNever);
    first->test(3, kNever);
    first->save_state(fixture.file("state"));
    const auto future = [](Session& session) {
      std::vector<double> seen = session.forward_train_batch();
      const auto train = session.train(10, kRemask, kNever).rows;
      const auto test = session.test(2, kNever);
      seen.insert(seen.end(), train.begin(), train.end());
      seen.insert(seen.end(), test.begin(), test.end());
      return seen;
    };
    const std::vector<double> expected = future(*first);

    const auto second = fixture.open(2, solver);
    prepare_masks(*second);
    second->train(3, {3, 3, 3}, kNever);
    second->load_state(fixture.file("state"));
    CHECK(second->iteration() == 10);
    CHECK(future(*second) == expected);
    CHECK(contents(*second) == contents(*first));
  }
}

TEST_CASE("a state that does not fit or is damaged changes nothing") {
  const Fixture fixture("session-damage");
  const auto session = fixture.open(1);
  prepare_masks(*session);
  session->train(10, kRemask, kNever);
  session->save_state(fixture.file("state"));
  session->train(1, {}, kNever);
  const auto before = contents(*session);
  const std::string bytes = test::read_file(fixture.file("state"));
  const auto code = [&](const std::string& content) {
    test::write_file(fixture.file("bad"), content);
    return error_code([&] { session->load_state(fixture.file("bad")); });
  };

  Random random(5);
  for (int i = 0; i < 300; ++i) {
    std::string flipped = bytes;
    char& byte = flipped[random.below(static_cast<std::uint32_t>(bytes.size()))];
    byte = static_cast<char>(byte ^ (1 << random.below(8)));
    CHECK(code(flipped) == "corrupt-checkpoint");
    CHECK(code(bytes.substr(0, random.below(static_cast<std::uint32_t>(bytes.size())))) == "corrupt-checkpoint");
  }

  // A sound checksum over a header that lies.
  const auto resealed = [&bytes](const std::string& from, const std::string& to) {
    std::string forged = bytes.substr(0, bytes.size() - 4);
    const auto at = forged.find(from);
    REQUIRE(at != std::string::npos);
    REQUIRE(from.size() == to.size());
    forged.replace(at, from.size(), to);
    Crc32 crc;
    crc.add(forged.data(), forged.size());
    const std::uint32_t checksum = crc.value();
    return forged + std::string(reinterpret_cast<const char*>(&checksum), sizeof checksum);
  };
  CHECK(code(resealed("\"ip1\"", "\"ip9\"")) == "corrupt-checkpoint");
  CHECK(code(resealed("[12,16]", "[16,12]")) == "corrupt-checkpoint");
  CHECK(code(resealed("\"offset\":0", "\"offset\":9")) == "corrupt-checkpoint");
  CHECK(code(resealed("\"iteration\":10", "\"iteration\":-1")) == "corrupt-checkpoint");
  CHECK(code(resealed("\"iteration\":10", "\"iteratioN\":10")) == "corrupt-checkpoint");
  CHECK(code(resealed("\"sections\"", "\"sectionz\"")) == "corrupt-checkpoint");
  CHECK(code(resealed("value/0", "value/x")) == "corrupt-checkpoint");
  CHECK(code(resealed("\"entries\":50", "\"entries\":51")) == "corrupt-checkpoint");
  CHECK(contents(*session) == before);
  CHECK(session->iteration() == 11);

  CHECK(error_code([&] { fixture.open(1, "Adam")->load_state(fixture.file("state")); }) == "corrupt-checkpoint");
  CHECK(error_code([&] { fixture.open(1, "SGD", 13)->load_state(fixture.file("state")); }) == "corrupt-checkpoint");
  CHECK(error_code([&] { session->load_state(fixture.file("none")); }) == "missing-file");
  session->load_state(fixture.file("state"));
  CHECK(session->iteration() == 10);
}

TEST_CASE("a state file replaces the one before it in one step") {
  const Fixture fixture("session-replace");
  const auto session = fixture.open(1);
  session->save_state(fixture.file("state"));
  session->set_iteration(5);
  session->save_state(fixture.file("state"));
  CHECK_FALSE(std::filesystem::exists(fixture.file("state.part")));
  session->set_iteration(9);
  session->load_state(fixture.file("state"));
  CHECK(session->iteration() == 5);
  CHECK(error_code([&] { session->save_state(fixture.file("no/state")); }) == "write-failed");
}

TEST_CASE("parameters from files") {
  const Fixture fixture("session-files");
  const auto session = fixture.open(1);
  std::vector<double> doubles(12);
  for (std::size_t i = 0; i < doubles.size(); ++i) doubles[i] = static_cast<double>(i) / 3;
  test::write_file(fixture.file("f64"), "xyz" + std::string(reinterpret_cast<const char*>(doubles.data()), 12 * 8));
  BlobPlacement placement;
  placement.parameter = 1;
  placement.file = fixture.file("f64");
  placement.floats = {3, 12, true};
  session->load_parameters({placement});
  CHECK(session->get_parameter(1, ParameterPart::kValue)[5] == static_cast<float>(5.0 / 3));

  const auto code = [&](FloatPlacement floats, ParameterPart part, std::size_t parameter) {
    placement.floats = floats;
    placement.part = part;
    placement.parameter = parameter;
    return error_code([&] { session->load_parameters({placement}); });
  };
  CHECK(code({4, 12, true}, ParameterPart::kValue, 1) == "truncated-file");
  CHECK(code({~std::uint64_t{0} - 7, 12, true}, ParameterPart::kValue, 1) == "truncated-file");
  CHECK(code({3, 11, true}, ParameterPart::kValue, 1) == "shape-mismatch");
  CHECK(code({3, 12, true}, ParameterPart::kHistory2, 1) == "no-history");
  CHECK(code({3, 12, true}, ParameterPart::kMask, 1) == "bad-argument");  // neither zeros nor ones
  CHECK(code({3, 12, true}, ParameterPart::kValue, 9) == "bad-argument");
  placement.file = fixture.file("none");
  CHECK(code({3, 12, true}, ParameterPart::kValue, 1) == "missing-file");
}

TEST_CASE("sessions that cannot be") {
  const Fixture fixture("session-refused");
  SessionOptions options;
  const auto code = [&options] { return error_code([&] { Session session(options); }); };
  CHECK(code() == "bad-argument");
  options.test = "{";
  CHECK(code() == "bad-argument");
  options.test = graph("TEST", fixture.file("lmdb")).dump();
  options.device = "tpu";
  CHECK(code() == "bad-argument");
  options.device = "cuda";
  if (!cuda_info().available) CHECK(code() == "no-cuda");
  options.device = "cpu";
  options.solver = solver_json().dump();
  CHECK(code() == "bad-argument");
  options.solver.clear();
  CHECK(code().empty());
  Session session(options);
  CHECK(error_code([&] { session.train(1, {}, kNever); }) == "no-solver");
  CHECK(error_code([&] { session.forward_train_batch(); }) == "no-net");
  CHECK(error_code([&] { session.backward(Phase::kTest); }) == "no-gradients");
  CHECK(error_code([&] { session.get_parameter(0, ParameterPart::kDiff); }) == "no-gradients");
}

TEST_CASE("fillers") {
  const auto filled = [](const json& changes, const Shape& shape) {
    json description = test::layer_json("l", {shape}).at("parameters").at(0).at("filler");
    description.update(changes);
    std::vector<float> values(static_cast<std::size_t>(count(shape)));
    Random random(1);
    fill(description.get<Filler>(), shape, random, values.data());
    return values;
  };
  const auto variance = [](const std::vector<float>& values) {
    double sum = 0;
    for (const float value : values) sum += static_cast<double>(value) * value;
    return sum / static_cast<double>(values.size());
  };
  const auto largest = [](const std::vector<float>& values) {
    return *std::max_element(values.begin(), values.end());
  };
  // (outputs, inputs, kh, kw): fan_in 50 * 9, fan_out 200 * 9
  const Shape shape{200, 50, 3, 3};
  CHECK(filled({{"value", 2.5}}, {3}) == std::vector<float>{2.5F, 2.5F, 2.5F});
  CHECK(largest(filled({{"type", "xavier"}}, shape)) == doctest::Approx(std::sqrt(3.0 / 450)).epsilon(1e-3));
  CHECK(largest(filled({{"type", "xavier"}, {"variance_norm", "FAN_OUT"}}, shape)) ==
        doctest::Approx(std::sqrt(3.0 / 1800)).epsilon(1e-3));
  CHECK(largest(filled({{"type", "xavier"}, {"variance_norm", "AVERAGE"}}, shape)) ==
        doctest::Approx(std::sqrt(3.0 / 1125)).epsilon(1e-3));
  CHECK(variance(filled({{"type", "msra"}}, shape)) == doctest::Approx(2.0 / 450).epsilon(0.02));
  CHECK(variance(filled({{"type", "gaussian"}, {"std", 0.1}}, shape)) == doctest::Approx(0.01).epsilon(0.02));
  const auto sparse = filled({{"type", "gaussian"}, {"sparse", 20}}, shape);  // 20 of 200 outputs per input
  CHECK(std::count(sparse.begin(), sparse.end(), 0.0F) == doctest::Approx(0.9 * 90000).epsilon(0.01));
  const auto uniform = filled({{"type", "uniform"}, {"min", -2}, {"max", 0.5}}, shape);
  CHECK(largest(uniform) == doctest::Approx(0.5).epsilon(1e-3));
  CHECK(*std::min_element(uniform.begin(), uniform.end()) == doctest::Approx(-2).epsilon(1e-3));
  const auto ball = filled({{"type", "positive_unitball"}}, {2, 5});
  CHECK(ball[5] + ball[6] + ball[7] + ball[8] + ball[9] == doctest::Approx(1));
  // bilinear upsampling by 2: kernel 4, rows 1/4 3/4 3/4 1/4
  const auto bilinear = filled({{"type", "bilinear"}}, {1, 1, 4, 4});
  CHECK(bilinear[0] == 0.0625F);
  CHECK(bilinear[5] == 0.5625F);
  CHECK(error_code([&] { filled({{"type", "bilinear"}}, {1, 1, 4, 3}); }) == "bad-filler");
  CHECK(error_code([&] { filled({{"type", "orthogonal"}}, {2}); }) == "unknown-filler");
}

TEST_CASE("CRC-32 check value") {
  Crc32 crc;
  crc.add("12345", 5);
  crc.add("6789", 4);
  CHECK(crc.value() == 0xcbf43926u);
}

}  // namespace
}  // namespace olmp
