// What the golden cases leave open about the layers without convolutions or weights: random masks, in-place gradients,
// second tops, refused labels, and the independence of results from the number of threads.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>
#include <fstream>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cpu/infogain_matrix.h"
#include "cpu/register.h"
#include "engine/error.h"

namespace olmp {
namespace {

using nlohmann::json;
using Values = std::vector<float>;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// A blob whose data and diff are poisoned until written.
struct Blob {
  Blob(const std::string& name, const Shape& shape) : data(size(shape), kNan), diff(size(shape), kNan) {
    tensor.name = name;
    tensor.shape = shape;
    tensor.data = data.data();
    tensor.diff = diff.data();
  }
  static std::size_t size(const Shape& shape) { return static_cast<std::size_t>(count(shape)); }

  Tensor tensor;
  Values data;
  Values diff;
};

// One layer on its own blobs. In place: top 0 uses bottom 0's memory, as the net arranges it.
class Bench {
 public:
  Bench(const std::string& type, const json& params, const std::vector<Shape>& bottoms, const std::vector<Shape>& tops,
        Phase phase = Phase::kTrain, bool in_place = false, int threads = 1)
      : params_(params), random_(7) {
    LayerContext context{"l", type, params_, phase, {}, {}, {}, {}, {}, true, &random_, threads};
    for (const Shape& shape : bottoms) bottoms_.push_back(std::make_unique<Blob>("bottom", shape));
    for (const Shape& shape : tops) tops_.push_back(std::make_unique<Blob>("top", shape));
    if (in_place) {
      tops_[0]->tensor.data = bottoms_[0]->tensor.data;
      tops_[0]->tensor.diff = bottoms_[0]->tensor.diff;
    }
    for (auto& blob : bottoms_) context.bottoms.push_back(&blob->tensor);
    for (auto& blob : tops_) context.tops.push_back(&blob->tensor);
    context.propagate_down.assign(bottoms.size(), true);
    context.loss_weights.assign(tops.size(), 0.0f);
    layer_ = make_cpu_layer_registry().at(type)(std::move(context));
  }

  void put(std::size_t bottom, const Values& values) {
    std::copy(values.begin(), values.end(), bottoms_[bottom]->tensor.data);
  }
  void put_random(std::size_t bottom, std::uint64_t seed) {
    Random random(seed);
    for (float& value : bottoms_[bottom]->data) value = random.uniform(-2.0f, 2.0f);
  }
  void put_diff(const Values& values) { std::copy(values.begin(), values.end(), tops_[0]->tensor.diff); }
  void forward() { layer_->forward(); }
  void backward() { layer_->backward(); }
  Values top(std::size_t i = 0) const { return read(tops_[i]->tensor.data, tops_[i]->tensor); }
  Values bottom_diff(std::size_t i = 0) const { return read(bottoms_[i]->tensor.diff, bottoms_[i]->tensor); }

 private:
  static Values read(const float* from, const Tensor& tensor) { return Values(from, from + tensor.count()); }

  json params_;
  Random random_;
  std::vector<std::unique_ptr<Blob>> bottoms_;
  std::vector<std::unique_ptr<Blob>> tops_;
  std::unique_ptr<Layer> layer_;
};

std::string error_code(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code();
  }
  return "no error";
}

bool bitwise_equal(const Values& a, const Values& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

const json kSoftmaxLoss = {{"axis", 1}, {"normalization", "VALID"}, {"ignore_label", nullptr}};

TEST_CASE("Dropout in TRAIN keeps 1 - ratio of the elements, scaled, and backward uses the same mask") {
  const int n = 40000;
  Bench bench("Dropout", {{"dropout_ratio", 0.4}}, {{n}}, {{n}});
  bench.put(0, Values(n, 3.0f));
  bench.forward();
  bench.put_diff(Values(n, 1.5f));
  bench.backward();
  const Values y = bench.top();
  const Values dx = bench.bottom_diff();
  int kept = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const bool is_kept = y[i] != 0.0f;
    kept += is_kept;
    CHECK_MESSAGE((!is_kept || std::abs(y[i] - 5.0f) < 1e-5f), y[i]);
    CHECK_MESSAGE(std::abs(dx[i] - (is_kept ? 2.5f : 0.0f)) < 1e-5f, dx[i]);
  }
  // Five standard errors: sqrt(0.24 / 40000) = 0.00245.
  CHECK(std::abs(kept / static_cast<double>(n) - 0.6) < 0.0123);
}

TEST_CASE("Dropout draws a new mask for every forward pass, and an in-place one works alike") {
  const int n = 257;
  Bench apart("Dropout", {{"dropout_ratio", 0.5}}, {{n}}, {{n}});
  Bench in_place("Dropout", {{"dropout_ratio", 0.5}}, {{n}}, {{n}}, Phase::kTrain, true);
  apart.put(0, Values(n, 1.0f));
  apart.forward();
  const Values first = apart.top();
  apart.forward();
  CHECK(!bitwise_equal(first, apart.top()));
  in_place.put(0, Values(n, 1.0f));
  in_place.forward();
  CHECK(bitwise_equal(first, in_place.top()));
  in_place.put_diff(Values(n, 1.0f));
  in_place.backward();
  CHECK(bitwise_equal(first, in_place.bottom_diff()));
}

TEST_CASE("in-place neuron layers give the gradient of those that are not") {
  const std::vector<std::pair<std::string, json>> cases = {
      {"ReLU", {{"negative_slope", 0.0}}},
      {"ReLU", {{"negative_slope", 0.3}}},
      {"ReLU", {{"negative_slope", -0.3}}},
      {"ELU", {{"alpha", 0.7}}},
      {"ELU", {{"alpha", -0.7}}},
      {"Sigmoid", json::object()},
      {"TanH", json::object()},
      {"AbsVal", json::object()},
      {"BNLL", json::object()},
      {"Power", {{"power", 3.0}, {"scale", 0.5}, {"shift", 2.0}}},
      {"Power", {{"power", 2.0}, {"scale", 3.0}, {"shift", 0.0}}},
      {"Power", {{"power", 1.0}, {"scale", -2.0}, {"shift", 1.0}}},
      {"Exp", {{"base", 2.0}, {"scale", 0.5}, {"shift", 1.0}}},
      {"Log", {{"base", -1.0}, {"scale", 1.0}, {"shift", 3.0}}},
      {"Swish", {{"beta", 1.5}}},
      {"Clip", {{"min", -0.5}, {"max", 0.75}}},
      {"Softmax", {{"axis", 1}}},
      {"MVN", {{"normalize_variance", true}, {"across_channels", false}, {"eps", 1e-9}}},
      {"MVN", {{"normalize_variance", false}, {"across_channels", true}, {"eps", 1e-9}}},
  };
  for (const auto& [type, params] : cases) {
    CAPTURE(type);
    CAPTURE(params.dump());
    const Shape shape = {3, 4, 5};
    Bench apart(type, params, {shape}, {shape});
    Bench in_place(type, params, {shape}, {shape}, Phase::kTrain, true);
    Values dy;
    for (int i = 0; i < 60; ++i) dy.push_back(0.1f * static_cast<float>(i % 7) - 0.25f);
    for (Bench* bench : {&apart, &in_place}) {
      bench->put_random(0, 11);
      bench->forward();
    }
    CHECK(bitwise_equal(apart.top(), in_place.top()));
    for (Bench* bench : {&apart, &in_place}) {
      bench->put_diff(dy);
      bench->backward();
    }
    CHECK(bitwise_equal(apart.bottom_diff(), in_place.bottom_diff()));
  }
}

TEST_CASE("an in-place Eltwise gives all bottoms the gradient of one that is not") {
  for (const json& params : {json{{"operation", "SUM"}, {"coeff", {0.5, -2.0, 1.0}}},
                             json{{"operation", "PROD"}, {"coeff", json::array()}},
                             json{{"operation", "MAX"}, {"coeff", json::array()}}}) {
    CAPTURE(params.dump());
    const Shape shape = {2, 35};
    Bench apart("Eltwise", params, {shape, shape, shape}, {shape});
    Bench in_place("Eltwise", params, {shape, shape, shape}, {shape}, Phase::kTrain, true);
    for (Bench* bench : {&apart, &in_place}) {
      for (std::size_t k = 0; k < 3; ++k) bench->put_random(k, 20 + k);
      bench->forward();
    }
    CHECK(bitwise_equal(apart.top(), in_place.top()));
    for (Bench* bench : {&apart, &in_place}) {
      bench->put_diff(Values(70, 1.25f));
      bench->backward();
    }
    for (std::size_t k = 0; k < 3; ++k) CHECK(bitwise_equal(apart.bottom_diff(k), in_place.bottom_diff(k)));
  }
}

TEST_CASE("results do not depend on the number of threads") {
  const Shape shape = {16, 64, 130};  // large enough to be split
  const std::vector<std::pair<std::string, json>> cases = {
      {"ReLU", {{"negative_slope", 0.1}}},
      {"Softmax", {{"axis", 1}}},
      {"MVN", {{"normalize_variance", true}, {"across_channels", false}, {"eps", 1e-9}}},
      {"Dropout", {{"dropout_ratio", 0.5}}},
  };
  for (const auto& [type, params] : cases) {
    CAPTURE(type);
    std::vector<Values> results;
    for (const int threads : {1, 2, 3}) {
      Bench bench(type, params, {shape}, {shape}, Phase::kTrain, false, threads);
      bench.put_random(0, 5);
      bench.forward();
      bench.put_diff(bench.top());
      bench.backward();
      results.push_back(bench.top());
      results.push_back(bench.bottom_diff());
    }
    for (std::size_t i = 2; i < results.size(); ++i) CHECK(bitwise_equal(results[i], results[i % 2]));
  }
}

TEST_CASE("Power's gradient is finite where the base is zero") {
  Bench bench("Power", {{"power", 3.0}, {"scale", 1.0}, {"shift", 0.0}}, {{2}}, {{2}});
  bench.put(0, {0.0f, 2.0f});
  bench.forward();
  bench.put_diff({1.0f, 1.0f});
  bench.backward();
  CHECK(bench.bottom_diff() == Values{0.0f, 12.0f});
}

TEST_CASE("a NaN passes through ReLU and a loss, and is never an accurate prediction") {
  Bench relu("ReLU", {{"negative_slope", 0.0}}, {{2}}, {{2}});
  relu.put(0, {kNan, -1.0f});
  relu.forward();
  CHECK(std::isnan(relu.top()[0]));
  CHECK(relu.top()[1] == 0.0f);

  Bench loss("SoftmaxWithLoss", kSoftmaxLoss, {{1, 3}, {1}}, {{}});
  loss.put(0, {kNan, 1.0f, 2.0f});
  loss.put(1, {1.0f});
  loss.forward();
  CHECK(std::isnan(loss.top()[0]));

  Bench accuracy("Accuracy", {{"top_k", 1}, {"axis", 1}, {"ignore_label", nullptr}}, {{1, 3}, {1}}, {{}});
  accuracy.put(0, {kNan, kNan, kNan});
  accuracy.put(1, {1.0f});
  accuracy.forward();
  CHECK(accuracy.top()[0] == 0.0f);
}

TEST_CASE("SoftmaxWithLoss's second top holds the probabilities") {
  Bench bench("SoftmaxWithLoss", kSoftmaxLoss, {{2, 2}, {2}}, {{}, {2, 2}});
  bench.put(0, {0.0f, std::log(3.0f), 0.0f, 0.0f});
  bench.put(1, {0.0f, 1.0f});
  bench.forward();
  const Values expected = {0.25f, 0.75f, 0.5f, 0.5f};
  for (std::size_t i = 0; i < 4; ++i) CHECK(bench.top(1)[i] == doctest::Approx(expected[i]));
  CHECK(bench.top(0)[0] == doctest::Approx((std::log(4.0) + std::log(2.0)) / 2));
}

TEST_CASE("labels outside the classes are refused, ignored ones are not") {
  const std::vector<std::pair<std::string, json>> cases = {
      {"SoftmaxWithLoss", kSoftmaxLoss},
      {"Accuracy", {{"top_k", 1}, {"axis", 1}, {"ignore_label", nullptr}}},
      {"HingeLoss", {{"norm", "L1"}}},
      {"MultinomialLogisticLoss", json::object()},
  };
  for (const auto& [type, params] : cases) {
    for (const float label : {3.0f, -1.0f, 1e30f, kNan}) {
      CAPTURE(type);
      CAPTURE(label);
      Bench bench(type, params, {{2, 3}, {2}}, {{}});
      bench.put_random(0, 1);
      bench.put(1, {0.0f, label});
      CHECK(error_code([&] { bench.forward(); }) == "bad-label");
    }
  }
  json ignoring = kSoftmaxLoss;
  ignoring["ignore_label"] = 255;
  Bench bench("SoftmaxWithLoss", ignoring, {{2, 3}, {2}}, {{}});
  bench.put(0, Values(6, 0.0f));
  bench.put(1, {0.0f, 255.0f});
  bench.forward();
  CHECK(bench.top()[0] == doctest::Approx(std::log(3.0)));
}

TEST_CASE("InfogainLoss with the identity as bottom 2 is SoftmaxWithLoss") {
  const json infogain = {
      {"axis", 1}, {"normalization", "VALID"}, {"ignore_label", 1}, {"source", ""}, {"input", "LOGITS"}};
  json plain = kSoftmaxLoss;
  plain["ignore_label"] = 1;
  Bench a("InfogainLoss", infogain, {{2, 3, 2}, {2, 2}, {3, 3}}, {{}, {2, 3, 2}});
  Bench b("SoftmaxWithLoss", plain, {{2, 3, 2}, {2, 2}}, {{}, {2, 3, 2}});
  a.put(2, {1, 0, 0, 0, 1, 0, 0, 0, 1});
  for (Bench* bench : {&a, &b}) {
    bench->put_random(0, 3);
    bench->put(1, {0, 1, 2, 2});
    bench->forward();
    bench->put_diff({0.5f});
    bench->backward();
  }
  CHECK(a.top()[0] == doctest::Approx(b.top()[0]));
  CHECK(bitwise_equal(a.top(1), b.top(1)));
  for (std::size_t i = 0; i < 12; ++i) CHECK(a.bottom_diff()[i] == doctest::Approx(b.bottom_diff()[i]));
}

TEST_CASE("an infogain matrix is read from packed, unpacked and double data, and refused with a reason") {
  const auto folder = std::filesystem::temp_directory_path() / "olmp_infogain_test";
  std::filesystem::create_directories(folder);
  const std::string file = (folder / "H.binaryproto").string();
  const auto write = [&](const std::string& bytes) { std::ofstream(file, std::ios::binary) << bytes; };
  const auto raw = [](auto value) { return std::string(reinterpret_cast<const char*>(&value), sizeof value); };

  write("\x2a\x10" + raw(1.0f) + raw(2.0f) + raw(3.0f) + raw(4.0f));
  CHECK(read_infogain_matrix(file, 2) == Values{1, 2, 3, 4});
  write("\x2d" + raw(1.0f) + "\x2d" + raw(2.0f) + "\x2d" + raw(3.0f) + "\x2d" + raw(4.0f));
  CHECK(read_infogain_matrix(file, 2) == Values{1, 2, 3, 4});
  write("\x42\x20" + raw(1.0) + raw(2.0) + raw(3.0) + raw(4.0));
  CHECK(read_infogain_matrix(file, 2) == Values{1, 2, 3, 4});

  CHECK(error_code([&] { read_infogain_matrix(file, 3); }) == "bad-infogain-matrix");
  write("\x2a\x10" + raw(1.0f));
  CHECK(error_code([&] { read_infogain_matrix(file, 2); }) == "bad-infogain-matrix");
  write("\x2a\x03" + std::string("abc"));
  CHECK(error_code([&] { read_infogain_matrix(file, 2); }) == "bad-infogain-matrix");
  std::filesystem::remove_all(folder);
  CHECK(error_code([&] { read_infogain_matrix(file, 2); }) == "missing-file");
}

TEST_CASE("ArgMax: of equal values the higher index comes first; with an axis it keeps the other axes") {
  Bench flat("ArgMax", {{"out_max_val", false}, {"top_k", 2}, {"axis", nullptr}}, {{1, 4}}, {{1, 1, 2}});
  flat.put(0, {5, 7, 7, 1});
  flat.forward();
  CHECK(flat.top() == Values{2, 1});
  Bench along("ArgMax", {{"out_max_val", false}, {"top_k", 1}, {"axis", 1}}, {{1, 3, 2}}, {{1, 1, 2}});
  along.put(0, {1, 9, 3, 2, 2, 4});
  along.forward();
  CHECK(along.top() == Values{1, 0});
  Bench values("ArgMax", {{"out_max_val", true}, {"top_k", 1}, {"axis", -2}}, {{1, 3, 2}}, {{1, 1, 2}});
  values.put(0, {1, 9, 3, 2, 2, 4});
  values.forward();
  CHECK(values.top() == Values{3, 9});
}

TEST_CASE("a layer that would index past a blob is refused") {
  CHECK(error_code([] { Bench("SoftmaxWithLoss", kSoftmaxLoss, {{4, 3}, {3}}, {{}}); }) == "shape-mismatch");
  CHECK(error_code([] { Bench("Concat", {{"axis", 1}}, {{2, 3}, {2, 2}}, {{2, 4}}); }) == "shape-mismatch");
  CHECK(error_code([] { Bench("Concat", {{"axis", 2}}, {{2, 3}, {2, 2}}, {{2, 5}}); }) == "bad-axis");
  CHECK(error_code([] { Bench("Crop", {{"axis", 1}, {"offset", {2}}}, {{2, 5}, {2, 4}}, {{2, 4}}); }) ==
        "shape-mismatch");
  CHECK(error_code([] { Bench("Dropout", {{"dropout_ratio", 1.0}}, {{2}}, {{2}}); }) == "bad-parameter");
  CHECK(error_code([] {
          Bench("Eltwise", {{"operation", "SUM"}, {"coeff", {1.0}}}, {{2}, {2}}, {{2}});
        }) == "bad-parameter");
}

}  // namespace
}  // namespace olmp
