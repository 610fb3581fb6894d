// Sessions on a small net, for tests that train.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/session.h"
#include "test/data_fixtures.h"
#include "test/parameter_fixtures.h"
#include "test/test_device.h"

namespace olmp::test {

using nlohmann::json;

inline constexpr int kBatch = 8;
inline const Session::Cancelled kNever = [] { return false; };

inline json layer(const std::string& type, const std::string& name, json changes) {
  json result = {{"name", name},           {"type", type},
                 {"params", json::object()}, {"bottoms", json::array()},
                 {"tops", json::array({name})}, {"top_shapes", json::array()},
                 {"parameters", json::array()}, {"loss_weights", json::array({0})},
                 {"propagate_down", json::array()}};
  result.update(changes);
  return result;
}

inline json inner_product(const std::string& name, const std::string& bottom, int outputs, int inputs) {
  const json parameters = layer_json(name, {{outputs, inputs}, {outputs}}, 1, 1, "xavier").at("parameters");
  return layer("InnerProduct", name,
               {{"params", {{"num_output", outputs}, {"bias_term", true}, {"axis", 1}, {"transpose", false}}},
                {"bottoms", {bottom}},
                {"top_shapes", {{kBatch, outputs}}},
                {"parameters", parameters}});
}

// data (8, 1, 4, 4) -> ip1 -> ReLU, dropout -> ip2 -> accuracy, loss
inline json graph(const char* phase, const std::string& source, int hidden = 12) {
  const json transform = {{"scale", 0.00390625}, {"mirror", true},          {"crop_size", 0},      {"mean_file", ""},
                          {"mean_value", json::array()}, {"force_color", false}, {"force_gray", false}};
  json layers = json::array();
  layers.push_back(layer("Data", "data",
                         {{"params",
                           {{"source", source},
                            {"batch_size", kBatch},
                            {"datum_shape", {1, 4, 4}},
                            {"transform", transform}}},
                          {"tops", {"data", "label"}},
                          {"top_shapes", {{kBatch, 1, 4, 4}, {kBatch}}},
                          {"loss_weights", {0, 0}}}));
  layers.push_back(inner_product("ip1", "data", hidden, 16));
  const json same = {{"bottoms", {"ip1"}}, {"tops", {"ip1"}}, {"top_shapes", {{kBatch, hidden}}}};
  json relu = same;
  relu["params"] = {{"negative_slope", 0}};
  layers.push_back(layer("ReLU", "relu1", relu));
  json dropout = same;
  dropout["params"] = {{"dropout_ratio", 0.25}};
  layers.push_back(layer("Dropout", "drop1", dropout));
  layers.push_back(inner_product("ip2", "ip1", 10, hidden));
  layers.push_back(layer("Accuracy", "accuracy",
                         {{"params", {{"top_k", 1}, {"axis", 1}, {"ignore_label", nullptr}}},
                          {"bottoms", {"ip2", "label"}},
                          {"top_shapes", {json::array()}}}));
  layers.push_back(layer("SoftmaxWithLoss", "loss",
                         {{"params", {{"axis", 1}, {"normalization", "VALID"}, {"ignore_label", nullptr}}},
                          {"bottoms", {"ip2", "label"}},
                          {"top_shapes", {json::array()}},
                          {"loss_weights", {1}}}));
  return {{"name", "small"}, {"phase", phase}, {"force_backward", false}, {"layers", layers}};
}

// The same with a convolution (8 outputs, 3 x 3, padded) and 2 x 2 maxima between the data and ip1.
inline json convolution_graph(const char* phase, const std::string& source, int hidden) {
  json whole = graph(phase, source, hidden);
  json& layers = whole["layers"];
  const json weights = layer_json("conv1", {{8, 1, 3, 3}, {8}}, 1, 1, "xavier").at("parameters");
  const json convolution = layer("Convolution", "conv1",
                                 {{"params",
                                   {{"num_output", 8}, {"bias_term", true}, {"kernel_size", {3, 3}}, {"stride", {1, 1}},
                                    {"pad", {1, 1}}, {"dilation", {1, 1}}, {"group", 1}, {"axis", 1}}},
                                  {"bottoms", {"data"}},
                                  {"top_shapes", {{kBatch, 8, 4, 4}}},
                                  {"parameters", weights}});
  const json pooling = layer("Pooling", "pool1",
                             {{"params",
                               {{"pool", "MAX"}, {"kernel_size", {2, 2}}, {"stride", {2, 2}}, {"pad", {0, 0}},
                                {"global_pooling", false}, {"round_mode", "CEIL"}}},
                              {"bottoms", {"conv1"}},
                              {"top_shapes", {{kBatch, 8, 2, 2}}}});
  layers[1] = inner_product("ip1", "pool1", hidden, 32);
  layers.insert(layers.begin() + 1, {convolution, pooling});
  return whole;
}

inline json solver_json(const std::string& type = "SGD") {
  return {{"type", type},     {"base_lr", 0.05},    {"lr_policy", "inv"},             {"gamma", 0.01},
          {"power", 0.75},    {"stepsize", 0},      {"stepvalue", json::array()},     {"max_iter", 100},
          {"momentum", 0.9},  {"momentum2", 0.999}, {"rms_decay", 0.98},              {"delta", 1e-3},
          {"weight_decay", 0.0005}, {"regularization_type", "L2"}, {"clip_gradients", -1}, {"iter_size", 1}};
}

// By parameter.
inline std::vector<std::vector<float>> masks_of(const Session& session) {
  std::vector<std::vector<float>> masks;
  for (std::size_t i = 0; i < session.parameters().all().size(); ++i) {
    masks.push_back(session.get_parameter(i, ParameterPart::kMask));
  }
  return masks;
}

class SessionFixture {
 public:
  explicit SessionFixture(const std::string& name) : folder_(name) {
    write_lmdb(folder_ / "lmdb", counted_datums(50, {1, 4, 4}));
  }

  SessionOptions options(std::uint64_t seed, const std::string& solver = "SGD", int hidden = 12) const {
    SessionOptions options;
    options.train = graph("TRAIN", folder_ / "lmdb", hidden).dump();
    options.test = graph("TEST", folder_ / "lmdb", hidden).dump();
    options.solver = solver_json(solver).dump();
    options.threads = 2;
    options.seed = seed;
    return options;
  }

  std::unique_ptr<Session> open(std::uint64_t seed, const std::string& solver = "SGD", int hidden = 12) const {
    const SessionOptions options = this->options(seed, solver, hidden);
    auto session = std::make_unique<Session>(options, make_test_backend(options.threads));
    session->fill_parameters();
    return session;
  }

  std::unique_ptr<Session> open_convolution(std::uint64_t seed, int hidden = 40) const {
    SessionOptions options = this->options(seed);
    options.train = convolution_graph("TRAIN", folder_ / "lmdb", hidden).dump();
    options.test = convolution_graph("TEST", folder_ / "lmdb", hidden).dump();
    auto session = std::make_unique<Session>(options, make_test_backend(options.threads));
    session->fill_parameters();
    return session;
  }
  std::string file(const std::string& name) const { return folder_ / name; }

 private:
  TemporaryFolder folder_;
};

// Everything a caller can see of the parameters.
inline std::vector<std::vector<float>> contents(const Session& session) {
  std::vector<std::vector<float>> all;
  for (std::size_t i = 0; i < session.parameters().all().size(); ++i) {
    for (const ParameterPart part : {ParameterPart::kValue, ParameterPart::kMask, ParameterPart::kHistory}) {
      all.push_back(session.get_parameter(i, part));
    }
  }
  return all;
}

}  // namespace olmp::test
