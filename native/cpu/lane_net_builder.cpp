// Which nets are chains that can be worked out with the batch innermost, and how.
#include <algorithm>
#include <utility>
#include <vector>

#include "cpu/checks.h"
#include "cpu/kernels/lanes.h"
#include "cpu/lane_net.h"
#include "cpu/loss.h"
#include "cpu/pooler.h"

namespace olmp {
namespace {

class LaneRelu final : public LaneLayer {
 public:
  LaneRelu(int from, int to, std::int64_t points, float slope) : LaneLayer(from, to), points_(points), slope_(slope) {}
  void forward(LaneBlock& block, const std::vector<LaneWeights>&) const override {
    cpu_lane_kernels().relu(block.data(from_), slope_, points_ * block.lanes(), block.data(to_));
  }
  void backward(LaneBlock& block, const std::vector<LaneWeights>&) const override {
    cpu_lane_kernels().relu_gradient(block.data(to_), block.diff(to_), slope_, points_ * block.lanes(), block.diff(from_));
  }

 private:
  std::int64_t points_;
  float slope_;
};

class LanePool final : public LaneLayer {
 public:
  LanePool(int from, int to, LanePooling pooling, bool maximum)
      : LaneLayer(from, to), pooling_(pooling), maximum_(maximum) {}
  void forward(LaneBlock& block, const std::vector<LaneWeights>&) const override {
    const LaneKernels& kernels = cpu_lane_kernels();
    if (maximum_) {
      kernels.max_pool(pooling_, block.lanes(), block.data(from_), block.data(to_), block.places(to_));
    } else {
      kernels.average_pool(pooling_, block.lanes(), block.data(from_), block.data(to_));
    }
  }
  void backward(LaneBlock& block, const std::vector<LaneWeights>&) const override {
    const LaneKernels& kernels = cpu_lane_kernels();
    if (maximum_) {
      kernels.max_pool_gradient(pooling_, block.lanes(), block.diff(to_), block.places(to_), block.diff(from_));
    } else {
      kernels.average_pool_gradient(pooling_, block.lanes(), block.diff(to_), block.diff(from_));
    }
  }

 private:
  LanePooling pooling_;
  bool maximum_;
};

}  // namespace

// Each of the add functions answers false where the layer is none that a chain can have.
class LaneNet::Builder {
 public:
  explicit Builder(const std::vector<LayerContext>& layers) : layers_(layers), skipped_(layers.size()) {}

  std::unique_ptr<LaneNet> build() {
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      if (!skipped_[l] && !add(l)) return nullptr;
    }
    const bool judged = !net_->judges_.empty() && !net_->products_.empty();
    return judged ? std::move(net_) : nullptr;
  }

 private:
  bool add(std::size_t l) {
    const LayerContext& layer = layers_[l];
    if (layer.type == "SoftmaxWithLoss" || layer.type == "Accuracy") return add_judge(l);
    // What is judged ends the chain.
    if (!net_->judges_.empty() || layer.bottoms.size() != 1 || layer.tops.size() != 1) return false;
    if (!net_->slots_.empty() && layer.bottoms[0]->data != last_) return false;
    if (net_->slots_.empty() && !begin(*layer.bottoms[0])) return false;
    if (layer.type == "Convolution") return add_convolution(l);
    if (layer.type == "InnerProduct") return add_inner_product(l);
    if (layer.type == "ReLU") return add_relu(layer);
    if (layer.type == "Pooling") return add_pooling(layer);
    if (layer.type == "Dropout" && layer.phase == Phase::kTest) return follow(layer);
    return (layer.type == "Flatten" || layer.type == "Reshape") && follow(layer);
  }

  bool begin(const Tensor& input) {
    if (input.shape.size() < 2) return false;
    net_->input_ = &input;
    net_->slots_.push_back({input.inner(1), false});
    last_ = input.data;
    return true;
  }

  int last_slot() const { return last_slot_; }
  std::int64_t last_points() const { return net_->slots_[static_cast<std::size_t>(last_slot_)].points; }
  bool keeps_batch(const Tensor& top) const {
    return !top.shape.empty() && top.shape[0] == net_->input_->shape[0];
  }

  int add_slot(std::int64_t points, Marks marks = Marks::kNone) {
    net_->slots_.push_back({points, true, marks});
    return static_cast<int>(net_->slots_.size()) - 1;
  }

  void append(std::unique_ptr<LaneLayer> layer, const Tensor& top) {
    last_slot_ = layer->to();
    last_ = top.data;
    net_->layers_.push_back(std::move(layer));
  }

  // The same numbers under another shape.
  bool follow(const LayerContext& layer) {
    if (!keeps_batch(*layer.tops[0]) || layer.tops[0]->inner(1) != last_points()) return false;
    last_ = layer.tops[0]->data;
    return true;
  }

  bool add_product(std::size_t l, SparseWeights list, std::int64_t dense_products, LaneProduct::Padding padding,
                   std::int64_t points, bool pooled, const Tensor& top) {
    const int index = static_cast<int>(net_->products_.size());
    const int to = add_slot(top.inner(1), pooled ? Marks::kCorners : Marks::kNone);
    append(std::make_unique<LaneProduct>(last_slot(), to, index, points, padding, pooled), top);
    const int inputs = list.input_channels();
    const int before = index == 0 ? inputs : net_->products_.back().list.product().outputs;
    net_->products_.push_back({l, std::move(list), dense_products, std::max(1, inputs / before)});
    return true;
  }

  bool add_convolution(std::size_t l) {
    const LayerContext& layer = layers_[l];
    const ConvolutionGeometry g = convolution_geometry(layer, layer.bottoms[0]->shape);
    if (g.input.size() != 2 || g.images != net_->input_->shape[0]) return false;
    LaneProduct::Padding padding;
    std::int64_t points = g.channels;
    for (const std::size_t axis : {0U, 1U}) {
      padding.input[axis] = g.input[axis];
      padding.pad[axis] = g.pad[axis];
      points *= g.input[axis] + 2 * g.pad[axis];
    }
    if (g.pad[0] + g.pad[1] > 0) {
      padding.channels = g.channels;
      padding.slot = add_slot(points);
    }
    const std::int64_t products = g.outputs * (g.rows() / g.group) * g.output_points();
    const LayerContext* pooling = pooling_after(l);
    const bool pooled = pooling != nullptr && g.output[0] % 2 == 0 && g.output[1] % 2 == 0;
    if (pooled) skipped_[static_cast<std::size_t>(pooling - layers_.data())] = true;
    const Tensor& top = pooled ? *pooling->tops[0] : *layer.tops[0];
    return add_product(l, SparseWeights::convolution(g), products, padding, points, pooled, top);
  }

  // The pooling whose maxima the convolution takes along.
  const LayerContext* pooling_after(std::size_t l) const {
    if (layers_[l].maxima == nullptr) return nullptr;
    for (std::size_t next = l + 1; next < layers_.size(); ++next) {
      if (layers_[next].maxima == layers_[l].maxima) return &layers_[next];
    }
    return nullptr;
  }

  bool add_inner_product(std::size_t l) {
    const LayerContext& layer = layers_[l];
    const Tensor& top = *layer.tops[0];
    const auto outputs = layer.params.at("num_output").get<int>();
    if (layer.params.at("axis").get<int>() != 1 || top.inner(1) != outputs) return false;
    const std::int64_t inputs = last_points();
    return add_product(l,
                       SparseWeights::inner_product(outputs, static_cast<int>(inputs), layer.params.at("transpose").get<bool>()),
                       outputs * inputs, {}, inputs, false, top);
  }

  bool add_relu(const LayerContext& layer) {
    const auto slope = layer.params.at("negative_slope").get<float>();
    if (slope < 0) return false;  // its gradient cannot be told from the top
    const bool in_place = layer.tops[0]->data == layer.bottoms[0]->data;
    if (in_place && last_slot() == 0) return false;  // would change the input
    const int to = in_place ? last_slot() : add_slot(last_points());
    append(std::make_unique<LaneRelu>(last_slot(), to, last_points(), slope), *layer.tops[0]);
    return true;
  }

  bool add_pooling(const LayerContext& layer) {
    const PoolMethod method = pool_method(layer);
    if (method == PoolMethod::kStochastic) return false;
    const PoolingGeometry g = pooling_geometry(layer);
    LanePooling pooling;
    pooling.channels = g.channels;
    for (int a = 0; a < 2; ++a) {
      pooling.input[a] = g.input[a];
      pooling.output[a] = g.output[a];
      pooling.kernel[a] = g.kernel[a];
      pooling.stride[a] = g.stride[a];
      pooling.pad[a] = g.pad[a];
    }
    const bool maximum = method == PoolMethod::kMax;
    const int to = add_slot(layer.tops[0]->inner(1), maximum ? Marks::kPlaces : Marks::kNone);
    append(std::make_unique<LanePool>(last_slot(), to, pooling, maximum), *layer.tops[0]);
    return true;
  }

  bool add_judge(std::size_t l) {
    const LayerContext& layer = layers_[l];
    const bool loss = layer.type == "SoftmaxWithLoss";
    if (net_->slots_.empty() || layer.tops.size() != 1 || layer.bottoms[0]->data != last_) return false;
    if (layer.bottoms[0]->shape.size() < 2 || layer.params.at("axis").get<int>() != 1 ||
        last_points() != layer.bottoms[0]->shape[1]) {
      return false;
    }
    if (net_->labels_ != nullptr && net_->labels_->data != layer.bottoms[1]->data) return false;
    if (is_made_here(layer.bottoms[1]->data)) return false;
    const auto ignored = read_ignore_label(layer.params);
    if (!net_->judges_.empty() && ignored != read_ignore_label(layers_[net_->judges_[0].layer].params)) return false;
    for (const Judge& judge : net_->judges_) {
      if (loss && judge.loss) return false;
    }
    net_->labels_ = layer.bottoms[1];
    net_->logits_ = last_slot();
    net_->judges_.push_back({l, loss, loss ? 1 : layer.params.at("top_k").get<std::int64_t>()});
    return true;
  }

  bool is_made_here(const float* data) const {
    for (const LayerContext& layer : layers_) {
      for (const Tensor* top : layer.tops) {
        if (top->data == data) return true;
      }
    }
    return false;
  }

  const std::vector<LayerContext>& layers_;
  std::unique_ptr<LaneNet> net_{new LaneNet};
  std::vector<bool> skipped_;            // layers that another one takes along
  const float* last_ = nullptr;          // the blob that the chain has come to
  int last_slot_ = 0;
};

std::unique_ptr<LaneNet> LaneNet::make(const std::vector<LayerContext>& layers) { return Builder(layers).build(); }

}  // namespace olmp
