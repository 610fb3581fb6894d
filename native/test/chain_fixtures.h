// Nets that are chains of layers on a random batch, for tests of what works a whole net out at once.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/mask.h"
#include "engine/net.h"
#include "test/session_fixtures.h"

namespace olmp::test {

class ChainGraph {
 public:
  explicit ChainGraph(Shape data) : shape_(std::move(data)) {
    add("Input", "data", json::object(), {}, shape_, {});
    add("Input", "label", json::object(), {}, {shape_[0]}, {});
    last_ = "data";
  }

  // {outputs, kernel, stride, pad, dilation, group}
  ChainGraph& convolution(int outputs, int kernel, int stride = 1, int pad = 0, int dilation = 1, int group = 1,
                          bool bias = true) {
    std::vector<Shape> parameters{{outputs, shape_[1] / group, kernel, kernel}};
    if (bias) parameters.push_back({outputs});
    const auto size = [&](int input) { return (input + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1; };
    shape_ = {shape_[0], outputs, size(shape_[2]), size(shape_[3])};
    return next("Convolution",
                {{"num_output", outputs}, {"bias_term", bias}, {"kernel_size", {kernel, kernel}}, {"stride", {stride, stride}},
                 {"pad", {pad, pad}}, {"dilation", {dilation, dilation}}, {"group", group}, {"axis", 1}},
                parameters);
  }

  ChainGraph& pooling(const std::string& method, int kernel, int stride, int pad = 0) {
    for (const std::size_t axis : {2U, 3U}) {
      int size = (shape_[axis] + 2 * pad - kernel + stride - 1) / stride + 1;
      if (pad > 0 && (size - 1) * stride >= shape_[axis] + pad) --size;
      shape_[axis] = size;
    }
    return next("Pooling",
                {{"pool", method}, {"kernel_size", {kernel, kernel}}, {"stride", {stride, stride}}, {"pad", {pad, pad}},
                 {"global_pooling", false}, {"round_mode", "CEIL"}}, {});
  }

  ChainGraph& inner_product(int outputs, bool transpose = false, bool bias = true) {
    const int inputs = static_cast<int>(count(shape_, 1));
    shape_ = {shape_[0], outputs};
    std::vector<Shape> parameters{transpose ? Shape{inputs, outputs} : Shape{outputs, inputs}};
    if (bias) parameters.push_back({outputs});
    return next("InnerProduct",
                {{"num_output", outputs}, {"bias_term", bias}, {"axis", 1}, {"transpose", transpose}}, parameters);
  }

  ChainGraph& relu(bool in_place = true, double slope = 0) {
    if (!in_place) return next("ReLU", {{"negative_slope", slope}}, {});
    add("ReLU", "relu" + std::to_string(layers_.size()), {{"negative_slope", slope}}, {last_}, shape_, {}, last_);
    return *this;
  }

  ChainGraph& flatten() {
    shape_ = {shape_[0], static_cast<int>(count(shape_, 1))};
    return next("Flatten", {{"axis", 1}, {"end_axis", -1}}, {});
  }

  ChainGraph& dropout() { return next("Dropout", {{"dropout_ratio", 0.5}}, {}); }

  // Any other layer with one bottom and one top of the same shape.
  ChainGraph& other(const std::string& type, const json& params) { return next(type, params, {}); }

  json build(const char* phase = "TRAIN", const json& ignored = nullptr, const char* normalization = "VALID",
             const std::vector<int>& top_k = {1}) const {
    ChainGraph whole = *this;
    for (const int k : top_k) {
      whole.add("Accuracy", "top" + std::to_string(k), {{"top_k", k}, {"axis", 1}, {"ignore_label", ignored}},
                {last_, "label"}, {}, {});
    }
    whole.add("SoftmaxWithLoss", "loss", {{"axis", 1}, {"normalization", normalization}, {"ignore_label", ignored}},
              {last_, "label"}, {}, {});
    whole.layers_.back()["loss_weights"] = {0.5};
    return {{"name", "chain"}, {"phase", phase}, {"force_backward", false}, {"layers", whole.layers_}};
  }

 private:
  ChainGraph& next(const std::string& type, const json& params, const std::vector<Shape>& parameters) {
    const std::string name = type + std::to_string(layers_.size());
    add(type, name, params, {last_}, shape_, parameters);
    last_ = name;
    return *this;
  }

  void add(const std::string& type, const std::string& name, const json& params, const std::vector<std::string>& bottoms,
           const Shape& shape, const std::vector<Shape>& parameters, const std::string& top = "") {
    layers_.push_back(layer(type, name,
                            {{"params", params}, {"bottoms", bottoms}, {"tops", {top.empty() ? name : top}},
                             {"top_shapes", {shape}},
                             {"parameters", layer_json(name, parameters, 1, 1, "xavier").at("parameters")}}));
  }

  Shape shape_;
  std::string last_;
  json layers_ = json::array();
};

// A net with a random batch and random masks.
struct ChainNet {
  ChainNet(const json& graph, int classes, int threads, double density, bool learns = true, std::uint64_t seed = 5)
      : backend(make_cpu_backend(threads)),
        parameters(learns),
        net(std::make_unique<Net>(graph, *backend, parameters, random, 1, threads, learns)),
        masks(*backend, parameters, RateEncoding::kExact) {
    random = Random(seed);
    for (std::size_t i = 0; i < parameters.all().size(); ++i) {
      Parameter& parameter = *parameters.all()[i];
      for (std::int64_t k = 0; k < parameter.tensor.count(); ++k) parameter.tensor.data[k] = random.uniform(-1, 1);
      std::vector<float> mask(static_cast<std::size_t>(parameter.tensor.count()));
      for (float& value : mask) value = random.uniform() < density ? 1.0F : 0.0F;
      masks.set_mask(parameter, mask.data());
    }
    Tensor& data = *net->blob("data");
    for (std::int64_t i = 0; i < data.count(); ++i) data.data[i] = random.uniform(-1, 1);
    Tensor& labels = *net->blob("label");
    for (std::int64_t i = 0; i < labels.count(); ++i) {
      labels.data[i] = static_cast<float>(random.below(static_cast<std::uint32_t>(classes)));
    }
    net->set_batch_loaded(true);
  }

  void clear_gradients() {
    for (const auto& parameter : parameters.all()) parameter->diff_cleared = true;
  }

  // The gradients of all parameters; where masks are frozen, at kept places.
  std::vector<float> gradients() const {
    std::vector<float> gradients;
    for (const auto& parameter : parameters.all()) {
      for (std::int64_t k = 0; k < parameter->tensor.count(); ++k) {
        if (!masks.frozen() || parameter->mask[k] != 0) gradients.push_back(parameter->diff_cleared ? 0 : parameter->tensor.diff[k]);
      }
    }
    return gradients;
  }

  std::vector<double> outputs() const {
    std::vector<double> values;
    for (std::size_t i = 0; i < net->outputs().size(); ++i) values.push_back(net->output(i));
    return values;
  }

  Random random{1};
  std::unique_ptr<Backend> backend;
  ParameterStore parameters;
  std::unique_ptr<Net> net;
  Masks masks;
};

}  // namespace olmp::test
