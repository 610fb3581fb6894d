#include "bench/graphs.h"

#include "engine/tensor.h"

namespace olmp {
namespace {

using nlohmann::json;

// Builds a chain of layers, each reading the last one's top.
class Chain {
 public:
  Chain(std::string name, Shape data) : name_(std::move(name)), shape_(std::move(data)) {
    add("data", "Input", json::object(), {}, {{"data", shape_}});
    add("labels", "Input", json::object(), {}, {{"label", {shape_[0]}}});
    last_ = "data";
  }

  Chain& convolution(const std::string& name, int outputs, int kernel, int stride, int pad, int group) {
    const int channels = shape_[1];
    const Shape weights{outputs, channels / group, kernel, kernel};
    shape_ = {shape_[0], outputs, (shape_[2] + 2 * pad - kernel) / stride + 1, (shape_[3] + 2 * pad - kernel) / stride + 1};
    return next(name, "Convolution",
                {{"num_output", outputs}, {"bias_term", true}, {"kernel_size", {kernel, kernel}},
                 {"stride", {stride, stride}}, {"pad", {pad, pad}}, {"dilation", {1, 1}}, {"group", group}, {"axis", 1}},
                {weights, {outputs}});
  }

  Chain& pooling(const std::string& name, int kernel, int stride) {
    for (std::size_t axis : {2U, 3U}) shape_[axis] = (shape_[axis] - kernel + stride - 1) / stride + 1;
    return next(name, "Pooling",
                {{"pool", "MAX"}, {"kernel_size", {kernel, kernel}}, {"stride", {stride, stride}}, {"pad", {0, 0}},
                 {"global_pooling", false}, {"round_mode", "CEIL"}}, {});
  }

  Chain& inner_product(const std::string& name, int outputs) {
    const int inputs = static_cast<int>(count(shape_, 1));
    shape_ = {shape_[0], outputs};
    return next(name, "InnerProduct",
                {{"num_output", outputs}, {"bias_term", true}, {"axis", 1}, {"transpose", false}},
                {{outputs, inputs}, {outputs}});
  }

  Chain& relu(const std::string& name) {
    add(name, "ReLU", {{"negative_slope", 0}}, {last_}, {{last_, shape_}});
    return *this;
  }

  Chain& lrn(const std::string& name) {
    return next(name, "LRN", {{"local_size", 5}, {"alpha", 1e-4}, {"beta", 0.75}, {"k", 1},
                              {"norm_region", "ACROSS_CHANNELS"}}, {});
  }

  json loss() {
    add("loss", "SoftmaxWithLoss", {{"axis", 1}, {"normalization", "VALID"}, {"ignore_label", nullptr}},
        {last_, "label"}, {{"loss", {}}});
    layers_.back()["loss_weights"] = {1};
    return {{"name", name_}, {"phase", "TRAIN"}, {"force_backward", false}, {"layers", layers_}};
  }

 private:
  struct Top {
    std::string name;
    Shape shape;
  };

  Chain& next(const std::string& name, const char* type, const json& params, const std::vector<Shape>& parameters) {
    add(name, type, params, {last_}, {{name, shape_}}, parameters);
    last_ = name;
    return *this;
  }

  void add(const std::string& name, const char* type, const json& params, const std::vector<std::string>& bottoms,
           const std::vector<Top>& tops, const std::vector<Shape>& parameters = {}) {
    json layer{{"name", name}, {"type", type}, {"params", params}, {"bottoms", bottoms}, {"tops", json::array()},
               {"top_shapes", json::array()}, {"parameters", json::array()}, {"loss_weights", json::array()},
               {"propagate_down", json::array()}};
    for (const Top& top : tops) {
      layer["tops"].push_back(top.name);
      layer["top_shapes"].push_back(top.shape);
    }
    for (const Shape& shape : parameters) {
      layer["parameters"].push_back(
          {{"name", ""}, {"shape", shape}, {"lr_mult", 1}, {"decay_mult", 1},
           {"filler", {{"type", "xavier"}, {"value", 0}, {"min", 0}, {"max", 1}, {"mean", 0}, {"std", 1},
                       {"sparse", -1}, {"variance_norm", "FAN_IN"}}}});
    }
    layers_.push_back(layer);
  }

  std::string name_;
  Shape shape_;
  std::string last_;
  json layers_ = json::array();
};

}  // namespace

nlohmann::json lenet5_graph(int batch, int width) {
  return Chain("LeNet-5", {batch, 1, 28, 28})
      .convolution("conv1", 20 * width, 5, 1, 0, 1).pooling("pool1", 2, 2)
      .convolution("conv2", 50 * width, 5, 1, 0, 1).pooling("pool2", 2, 2)
      .inner_product("ip1", 500 * width).relu("relu1").inner_product("ip2", 10).loss();
}

nlohmann::json lenet300_graph(int batch, int width) {
  return Chain("LeNet-300-100", {batch, 1, 28, 28})
      .inner_product("ip1", 300 * width).relu("relu1").inner_product("ip2", 100 * width).relu("relu2")
      .inner_product("ip3", 10).loss();
}

nlohmann::json caffenet_graph(int batch) {
  return Chain("CaffeNet", {batch, 3, 227, 227})
      .convolution("conv1", 96, 11, 4, 0, 1).relu("relu1").pooling("pool1", 3, 2).lrn("norm1")
      .convolution("conv2", 256, 5, 1, 2, 2).relu("relu2").pooling("pool2", 3, 2).lrn("norm2")
      .convolution("conv3", 384, 3, 1, 1, 1).relu("relu3")
      .convolution("conv4", 384, 3, 1, 1, 2).relu("relu4")
      .convolution("conv5", 256, 3, 1, 1, 2).relu("relu5").pooling("pool5", 3, 2)
      .inner_product("fc6", 4096).relu("relu6").inner_product("fc7", 4096).relu("relu7").inner_product("fc8", 1000).loss();
}

}  // namespace olmp
