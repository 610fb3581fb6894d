// How a net connects its layers: sums of gradients, what runs backward, sharing of memory, losses, refusals.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <algorithm>

#include "engine/error.h"
#include "engine/net.h"
#include "engine/net_plan.h"

namespace olmp {
namespace {

using nlohmann::json;

json layer(const std::string& name, const std::string& type, const json& params, std::vector<std::string> bottoms,
           std::vector<std::string> tops, const std::vector<Shape>& shapes) {
  return {{"name", name},        {"type", type},      {"params", params},
          {"bottoms", bottoms},  {"tops", tops},      {"top_shapes", shapes},
          {"parameters", json::array()}, {"loss_weights", json::array()}, {"propagate_down", json::array()}};
}

json input(const std::string& blob, const Shape& shape) { return layer(blob, "Input", json::object(), {}, {blob}, {shape}); }

json power(const std::string& name, const std::string& bottom, const std::string& top, const Shape& shape, double scale) {
  return layer(name, "Power", {{"power", 1}, {"scale", scale}, {"shift", 0}}, {bottom}, {top}, {shape});
}

json product(const std::string& name, const std::string& bottom, const std::string& top, int rows, int inputs,
             int outputs, double lr_mult = 1) {
  json made = layer(name, "InnerProduct", {{"num_output", outputs}, {"bias_term", false}, {"axis", 1}, {"transpose", false}},
                    {bottom}, {top}, {{rows, outputs}});
  made["parameters"] = {{{"name", ""}, {"shape", {outputs, inputs}}, {"lr_mult", lr_mult}, {"decay_mult", 1},
                         {"filler", {{"type", "constant"}, {"value", 0}, {"min", 0}, {"max", 1}, {"mean", 0}, {"std", 1},
                                     {"sparse", -1}, {"variance_norm", "FAN_IN"}}}}};
  return made;
}

json euclidean(const std::string& a, const std::string& b, double weight) {
  json made = layer("loss", "EuclideanLoss", json::object(), {a, b}, {"loss"}, {Shape{}});
  made["loss_weights"] = {weight};
  return made;
}

json graph(const std::vector<json>& layers, bool force = true) {
  return {{"name", "net"}, {"phase", "TRAIN"}, {"force_backward", force}, {"layers", layers}};
}

// A net with what it needs to live.
struct Made {
  explicit Made(const json& description, bool gradients = true)
      : net(description, *backend, parameters, random, 1, 1, gradients) {}
  std::unique_ptr<Backend> backend = make_cpu_backend(1);
  ParameterStore parameters;
  Random random{1};
  Net net;
};

void put(float* to, std::initializer_list<float> values) { std::copy(values.begin(), values.end(), to); }

std::string code_of(const json& description) {
  try {
    Made made(description);
  } catch (const Error& error) {
    return error.code();
  }
  return "none";
}

}  // namespace

TEST_CASE("the gradients of several readers are added") {
  const Shape shape{1, 2};
  Made made(graph({input("x", shape), power("a", "x", "ya", shape, 2), power("b", "x", "yb", shape, 3),
                   power("c", "x", "yc", shape, 5)}));
  put(made.net.blob("x")->data, {1, -1});
  for (int pass = 0; pass < 2; ++pass) {
    made.net.forward(false);
    put(made.net.blob("ya")->diff, {1, 10});
    put(made.net.blob("yb")->diff, {1, 100});
    put(made.net.blob("yc")->diff, {1, 1000});
    made.net.backward();
    CHECK(made.net.blob("x")->diff[0] == doctest::Approx(10));
    CHECK(made.net.blob("x")->diff[1] == doctest::Approx(5320));
  }
  CHECK(made.net.outputs() == std::vector<std::string>{"ya", "yb", "yc"});
}

TEST_CASE("a blob read through an in-place layer") {
  const Shape shape{1, 2};
  Made made(graph({input("x", shape), power("a", "x", "y", shape, 2),
                   layer("relu", "ReLU", {{"negative_slope", 0}}, {"y"}, {"y"}, {shape}), power("b", "y", "z1", shape, 3),
                   power("c", "y", "z2", shape, 4)}));
  put(made.net.blob("x")->data, {1, -1});
  made.net.forward(false);
  CHECK(made.net.blob("z1")->data[0] == 6);
  CHECK(made.net.blob("z2")->data[1] == 0);
  put(made.net.blob("z1")->diff, {1, 1});
  put(made.net.blob("z2")->diff, {1, 1});
  made.net.backward();
  CHECK(made.net.blob("x")->diff[0] == 14);  // 2 * (3 + 4)
  CHECK(made.net.blob("x")->diff[1] == 0);   // stopped by the ReLU
}

TEST_CASE("a loss starts from its weight, and only the total is weighted") {
  const Shape shape{1, 2};
  Made made(graph({input("x", shape), input("target", shape), euclidean("x", "target", 0.5)}));
  put(made.net.blob("x")->data, {3, 0});
  CHECK(made.net.forward(false) == doctest::Approx(2.25));
  CHECK(made.net.output(0) == doctest::Approx(4.5));  // 3^2 / 2 / 1 image
  made.net.backward();
  CHECK(made.net.blob("loss")->diff[0] == 0.5F);
  CHECK(made.net.blob("x")->diff[0] == doctest::Approx(1.5));
  CHECK(made.net.blob("target")->diff[0] == doctest::Approx(-1.5));
}

TEST_CASE("a weighted blob that others read keeps its own share of the gradient") {
  const Shape shape{1, 1};
  json weighted = power("a", "x", "y", shape, 2);
  weighted["loss_weights"] = {0.25};
  Made made(graph({input("x", shape), weighted, power("b", "y", "z", shape, 3)}));
  put(made.net.blob("x")->data, {1});
  CHECK(made.net.forward(false) == doctest::Approx(0.5));
  put(made.net.blob("z")->diff, {1});
  made.net.backward();
  CHECK(made.net.blob("x")->diff[0] == doctest::Approx(2 * (0.25 + 3)));
}

TEST_CASE("gradients go where something learns") {
  const std::vector<json> layers{input("x", {1, 2}), input("target", {1, 2}), product("fixed", "x", "a", 1, 2, 2, 0),
                                 product("learning", "a", "b", 1, 2, 2), product("aside", "a", "c", 1, 2, 2),
                                 euclidean("b", "target", 1)};
  const NetPlan plan = plan_net(graph(layers, false), true);
  CHECK_FALSE(plan.layers[2].backward);  // nothing before or in it learns
  CHECK(plan.layers[3].backward);
  CHECK(plan.layers[3].parameter_gradients);
  CHECK_FALSE(plan.layers[3].propagate_down[0]);
  CHECK_FALSE(plan.layers[4].backward);  // no loss depends on it
  CHECK(plan.layers[5].propagate_down[0]);
  CHECK_FALSE(plan.layers[5].propagate_down[1]);

  std::vector<json> cut = layers;
  cut[5]["propagate_down"] = {false, false};
  CHECK_FALSE(plan_net(graph(cut, false), true).layers[3].backward);
  const NetPlan forced = plan_net(graph(layers, true), true);
  CHECK(forced.layers[2].propagate_down[0]);
  CHECK_FALSE(plan_net(graph(layers, true), false).layers[5].backward);
}

TEST_CASE("Flatten shares its bottom's memory where nobody else reads it") {
  const json flatten = layer("f", "Flatten", {{"axis", 1}, {"end_axis", -1}}, {"y"}, {"flat"}, {{2, 6}});
  const std::vector<json> alone{input("x", {2, 2, 3}), power("a", "x", "y", {2, 2, 3}, 2), flatten};
  Made shared(graph(alone));
  CHECK(shared.net.blob("flat")->data == shared.net.blob("y")->data);
  std::vector<json> both = alone;
  both.push_back(power("b", "y", "z", {2, 2, 3}, 3));
  Made apart(graph(both));
  CHECK(apart.net.blob("flat")->data != apart.net.blob("y")->data);
  put(apart.net.blob("x")->data, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  apart.net.forward(false);
  CHECK(apart.net.blob("flat")->data[11] == 24);
}

TEST_CASE("a pass is begun again where what its layers read is still there") {
  const auto plan = [](const json& layers) {
    return plan_net({{"name", "t"}, {"phase", "TRAIN"}, {"force_backward", false}, {"layers", layers}}, false);
  };
  const auto described = [](const char* name, std::vector<std::string> bottoms, std::vector<std::string> tops) {
    return json{{"name", name}, {"type", bottoms.empty() ? "Input" : "Power"}, {"params", json::object()},
                {"bottoms", bottoms}, {"tops", tops}, {"top_shapes", json(std::vector<json>(tops.size(), {1}))},
                {"parameters", json::array()}, {"loss_weights", json::array()}, {"propagate_down", json::array()}};
  };
  const NetPlan chain = plan({described("data", {}, {"x"}), described("a", {"x"}, {"a"}), described("relu", {"a"}, {"a"}),
                              described("b", {"a"}, {"b"}), described("relu2", {"b"}, {"b"})});
  CHECK(chain.restart(1) == 1);
  CHECK(chain.restart(3) == 3);  // reads what relu left
  CHECK(chain.restart(2) == 1);  // relu overwrote what it read
  CHECK(chain.restart(4) == 3);
  // b reads a before relu, which comes later, overwrites it.
  const NetPlan late = plan({described("data", {}, {"x"}), described("a", {"x"}, {"a"}), described("b", {"a"}, {"b"}),
                             described("relu", {"a"}, {"a"}), described("c", {"a", "b"}, {"c"})});
  CHECK(late.restart(2) == 1);
  CHECK(late.restart(4) == 4);
}

TEST_CASE("descriptions that do not hold together are refused") {
  CHECK(code_of(graph({power("a", "missing", "y", {1}, 1)})) == "invalid-net");
  CHECK(code_of(graph({input("x", {1, 0})})) == "shape-mismatch");
  CHECK(code_of(graph({input("x", {1, 2}), product("p", "x", "y", 1, 3, 2)})) == "shape-mismatch");
  CHECK(code_of(graph({input("x", {1, 2}), input("x", {1, 2})})) == "invalid-net");
  CHECK(code_of(graph({input("x", {1, 2}), layer("l", "Nonsense", json::object(), {"x"}, {"y"}, {{1}})})) ==
        "unknown-layer");
  json broken = graph({input("x", {1, 2})});
  broken.erase("phase");
  CHECK(code_of(broken) == "invalid-net");
  // kernel 2, stride 3, width 9: Caffe's fourth window starts past the end and it reads beyond the image.
  const json pooling{{"pool", "MAX"}, {"kernel_size", {2, 2}}, {"stride", {3, 3}}, {"pad", {0, 0}},
                     {"global_pooling", false}, {"round_mode", "CEIL"}};
  CHECK(code_of(graph({input("x", {1, 1, 9, 9}), layer("p", "Pooling", pooling, {"x"}, {"y"}, {{1, 1, 4, 4}})})) ==
        "shape-mismatch");
}

}  // namespace olmp
