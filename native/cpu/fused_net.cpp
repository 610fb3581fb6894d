// The CPU's FusedNet: a chain of sparse layers with the batch innermost, a block of images after another from the input to
// the loss and back.
#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "cpu/fused_net.h"
#include "cpu/kernels/lanes.h"
#include "cpu/lane_net.h"
#include "cpu/lane_population.h"
#include "cpu/loss.h"
#include "cpu/parallel.h"
#include "cpu/parameter_gradient.h"
#include "engine/error.h"

namespace olmp {
namespace {

// Share of the multiplications of the dense net below which the lists are faster (bench/sparse_step with densities given).
constexpr double kCrossover = 0.2;
// Vectors of images in a block: enough to keep the multipliers of an inner product busy, few enough to leave the blobs of a
// small net in the second-level cache.
constexpr int kBlockVectors = 4;

// A block is worked on by one thread. With it what the loss left, and its share of the gradients.
struct Work {
  Work(const LaneNet& net, int first_image, int images, bool gradients)
      : block(net, images, gradients),
        first(first_image),
        labels(static_cast<std::size_t>(block.lanes()), -1),
        losses(labels.size()),
        probabilities(static_cast<std::size_t>(net.classes()) * labels.size()),
        better(labels.size()) {}

  LaneBlock block;
  int first;  // image
  std::vector<std::int32_t> labels;
  std::vector<float> losses;
  std::vector<float> probabilities;
  std::vector<std::int32_t> better;
  std::vector<float> gradients;  // of all products: weights, then biases
};

class CpuFusedNet final : public FusedNet {
 public:
  CpuFusedNet(std::unique_ptr<LaneNet> net, std::vector<LayerContext> layers, int threads, bool learns)
      : net_(std::move(net)), layers_(std::move(layers)), threads_(threads), learns_(learns) {
    for (const LaneNet::Product& product : net_->products()) {
      const LayerContext& layer = layers_[product.layer];
      Product own(product.list.empty());
      own.weights = layer.parameters[0];
      own.bias = layer.parameters.size() > 1 ? layer.parameters[1] : nullptr;
      own.learns = learns_ && layer.parameter_gradients;
      for (int output = 0; output < product.list.product().outputs; ++output) own.outputs.push_back(output);
      dense_products_ += product.dense_products;
      products_.push_back(std::move(own));
    }
    weights_.resize(products_.size());
    for (const LaneNet::Judge& judge : net_->judges()) {
      if (judge.loss) loss_.emplace(layers_[judge.layer]);
    }
  }

  bool suits() override {
    bool changed = blocks_.empty();
    for (const Product& product : products_) {
      if (learns_ && !is_frozen(product)) return false;
      changed = changed || product.weights->mask_version != product.version;
    }
    if (changed) choose();
    return suits_;
  }

  void forward() override {
    for (std::size_t p = 0; p < products_.size(); ++p) {
      products_[p].list.gather(products_[p].weights->effective);
      weights_[p] = {products_[p].list.product(), products_[p].bias == nullptr ? nullptr : products_[p].bias->effective};
    }
    read_labels();
    for_blocks([&](Work& work) {
      work.block.load(net_->input().data + work.first * net_->input_points());
      for (const auto& layer : net_->layers()) layer->forward(work.block, weights_);
      const LaneKernels& kernels = cpu_lane_kernels();
      const LaneSoftmax softmax = this->softmax(work);
      if (loss_) kernels.softmax(softmax, work.probabilities.data(), work.losses.data());
      if (counts_hits()) kernels.rank(softmax, work.better.data());
    });
    write_outputs();
  }

  void backward() override {
    if (!loss_) return;
    const Teacher none;
    const Teacher& teacher = teacher_ == nullptr ? none : *teacher_;
    for_blocks([&](Work& work) {
      const float* logits = teacher.weight > 0 ? teacher.logits.data() + work.first * net_->classes() : nullptr;
      cpu_lane_kernels().softmax_gradient(softmax(work), work.probabilities.data(), logits, work.block.images(),
                                          teacher.weight, teacher.temperature, loss_scale(), work.block.diff(net_->logits()));
      propagate(work, false);
    });
    add_gradients([&](const Product&, Parameter& parameter, const std::vector<std::int32_t>& places, std::size_t from) {
      const float factor = begin_gradient(parameter);
      float* diff = parameter.tensor.diff;
      for (std::size_t i = 0; i < places.size(); ++i) {
        float& total = diff[places[i]];
        total = factor == 0.0F ? sum_[from + i] : total + sum_[from + i];  // what a cleared diff holds may be a NaN
      }
    });
  }

  void add_squared_gradients(Random& random, const SquareSums& sums) override {
    if (!loss_) throw Error("no-objective", "the net has no loss by which its weights could be scored");
    std::vector<double> draws(static_cast<std::size_t>(net_->batch()));
    for (double& draw : draws) draw = random.uniform();
    for_blocks([&](Work& work) {
      const std::vector<std::int32_t> given = work.labels;
      for (int i = 0; i < work.block.images(); ++i) draw_label(work, i, draws[static_cast<std::size_t>(work.first + i)]);
      cpu_lane_kernels().softmax_gradient(softmax(work), work.probabilities.data(), nullptr, work.block.images(), 0, 1,
                                          loss_scale(), work.block.diff(net_->logits()));
      work.labels = given;
      propagate(work, true);
    });
    add_gradients([&](const Product&, Parameter& parameter, const std::vector<std::int32_t>& places, std::size_t from) {
      float* to = sums(parameter);
      if (to == nullptr) return;
      for (std::size_t i = 0; i < places.size(); ++i) to[places[i]] += sum_[from + i];
    });
  }

  void learn_from(const Teacher& teacher) override { teacher_ = &teacher; }

  std::unique_ptr<MaskEvaluator> evaluator(const MaskCandidates& candidates) override {
    std::vector<std::vector<Parameter*>> parameters;
    for (const LaneNet::Product& product : net_->products()) parameters.push_back(layers_[product.layer].parameters);
    return make_lane_population(*net_, parameters, layers_, candidates, threads_);
  }

  std::int64_t memory_bytes() const override {
    std::int64_t bytes = 0;
    for (const Work& work : blocks_) bytes += work.block.memory_bytes();
    return bytes;
  }

 private:
  struct Product {
    explicit Product(SparseWeights empty) : list(std::move(empty)) {}
    SparseWeights list;
    Parameter* weights = nullptr;
    Parameter* bias = nullptr;  // null: none
    bool learns = false;
    std::uint64_t version = 0;  // of the listed mask
    std::vector<std::int32_t> outputs;  // all of them
    std::size_t first = 0;              // of its gradients in Work::gradients
    // Outputs whose bias learns.
    const std::vector<std::int32_t>& biases() const { return bias->frozen ? bias->kept_places : outputs; }
  };

  struct Loss {
    explicit Loss(const LayerContext& layer)
        : normalization(layer.params, layer.name),
          weight(layer.loss_weights.at(0)),
          ignored(read_ignore_label(layer.params)),
          name(layer.name) {}
    Normalization normalization;
    float weight;
    std::optional<int> ignored;
    std::string name;
  };

  static bool is_frozen(const Product& product) {
    return !product.learns || (product.weights->frozen && (product.bias == nullptr || product.bias->frozen));
  }

  // After a change of masks: whether the lists are to be used, and the lists.
  void choose() {
    std::int64_t kept_products = 0;
    for (const Product& product : products_) {
      const Parameter& weights = *product.weights;
      const std::int64_t kept = weights.mask == nullptr ? weights.tensor.count() : weights.kept;
      kept_products += kept * product.list.product().points();
    }
    suits_ = static_cast<double>(kept_products) < kCrossover * static_cast<double>(dense_products_);
    if (!suits_) {
      for (Product& product : products_) product.version = product.weights->mask_version;
      if (blocks_.empty()) make_blocks();
      return;
    }
    std::size_t gradients = 0;
    for (Product& product : products_) {
      product.list.select(product.weights->mask);
      product.version = product.weights->mask_version;
      product.first = gradients;
      gradients += static_cast<std::size_t>(product.list.kept()) + product.outputs.size();
    }
    if (blocks_.empty()) make_blocks();
    if (!learns_) return;
    for (Work& work : blocks_) work.gradients.resize(gradients);
    sum_.resize(gradients);
  }

  void make_blocks() {
    const std::int64_t lanes = cpu_sparse_kernels().lanes;
    const auto batch = net_->batch();
    const std::int64_t vectors = (batch + lanes - 1) / lanes;
    const std::int64_t pieces = std::min<std::int64_t>(threads_, vectors);
    const std::int64_t each = (vectors + pieces - 1) / pieces;  // vectors of a thread
    const std::int64_t rounds = (each + kBlockVectors - 1) / kBlockVectors;
    const std::int64_t count = std::min(vectors, pieces * rounds);
    for (std::int64_t b = 0; b < count; ++b) {
      const std::int64_t first = vectors * b / count * lanes;
      const std::int64_t end = std::min(batch, vectors * (b + 1) / count * lanes);
      blocks_.emplace_back(*net_, static_cast<int>(first), static_cast<int>(end - first), learns_);
    }
  }

  template <typename Body>
  void for_blocks(const Body& body) {
    parallel_for(threads_, static_cast<std::int64_t>(blocks_.size()), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = begin; b < end; ++b) body(blocks_[static_cast<std::size_t>(b)]);
    });
  }

  LaneSoftmax softmax(Work& work) const {
    return {net_->classes(), work.block.lanes(), work.block.data(net_->logits()), work.labels.data()};
  }

  bool counts_hits() const { return net_->judges().size() > (loss_ ? 1U : 0U); }

  // Throws Error("bad-label").
  void read_labels() {
    const LayerContext& judge = layers_[net_->judges().front().layer];
    const auto ignored = read_ignore_label(judge.params);
    valid_ = 0;
    for (Work& work : blocks_) {
      for (int i = 0; i < work.block.images(); ++i) {
        const auto label = read_label(net_->labels().data[work.first + i], net_->classes(), ignored, judge.name);
        work.labels[static_cast<std::size_t>(i)] = label ? static_cast<std::int32_t>(*label) : -1;
        valid_ += label ? 1 : 0;
      }
    }
  }

  float loss_scale() const { return loss_->weight / loss_->normalization.divisor(net_->batch(), 1, valid_); }

  void write_outputs() {
    for (const LaneNet::Judge& judge : net_->judges()) {
      double loss = 0;
      std::int64_t hits = 0;
      for (const Work& work : blocks_) {
        for (std::size_t i = 0; i < static_cast<std::size_t>(work.block.images()); ++i) {
          if (judge.loss) loss += static_cast<double>(work.losses[i]);
          if (!judge.loss) hits += work.labels[i] >= 0 && work.better[i] < judge.top_k ? 1 : 0;
        }
      }
      float& to = layers_[judge.layer].tops[0]->data[0];
      if (judge.loss) {
        to = static_cast<float>(loss) / loss_->normalization.divisor(net_->batch(), 1, valid_);
      } else {
        to = valid_ == 0 ? 0.0F : static_cast<float>(hits) / static_cast<float>(valid_);
      }
    }
  }

  void draw_label(Work& work, int image, double draw) const {
    const int lanes = work.block.lanes();
    int label = 0;
    double left = draw;
    for (; label + 1 < net_->classes(); ++label) {
      left -= static_cast<double>(work.probabilities[static_cast<std::size_t>(label * lanes + image)]);
      if (left < 0) break;
    }
    work.labels[static_cast<std::size_t>(image)] = label;
  }

  // From the logits' diff back to the first product that learns.
  void propagate(Work& work, bool squared) const {
    std::size_t first = products_.size();
    for (std::size_t p = products_.size(); p-- > 0;) first = products_[p].learns ? p : first;
    if (first == products_.size()) return;
    for (auto layer = net_->layers().rbegin(); layer != net_->layers().rend(); ++layer) {
      const LaneProduct* lane = (*layer)->product();
      if (lane != nullptr && products_[lane->index()].learns) {
        const Product& product = products_[lane->index()];
        float* to = work.gradients.data() + product.first;
        lane->weight_gradients(work.block, weights_, squared, to);
        if (product.bias != nullptr) {
          lane->bias_gradients(work.block, weights_, product.biases(), squared, to + product.list.kept());
        }
      }
      if (lane != nullptr && lane->index() == first) return;
      (*layer)->backward(work.block, weights_);
    }
  }

  // Sums the blocks' gradients, in order, and hands them over by parameter.
  template <typename Take>
  void add_gradients(const Take& take) {
    std::copy(blocks_.front().gradients.begin(), blocks_.front().gradients.end(), sum_.begin());
    for (std::size_t b = 1; b < blocks_.size(); ++b) {
      const std::vector<float>& part = blocks_[b].gradients;
      for (std::size_t i = 0; i < sum_.size(); ++i) sum_[i] += part[i];
    }
    for (const Product& product : products_) {
      if (!product.learns) continue;
      take(product, *product.weights, product.list.positions(), product.first);
      if (product.bias == nullptr) continue;
      take(product, *product.bias, product.biases(), product.first + static_cast<std::size_t>(product.list.kept()));
    }
  }

  std::unique_ptr<LaneNet> net_;
  std::vector<LayerContext> layers_;
  int threads_;
  bool learns_;
  std::vector<Product> products_;
  std::vector<LaneWeights> weights_;  // of the pass under way
  std::optional<Loss> loss_;
  std::int64_t dense_products_ = 0;
  bool suits_ = false;
  std::vector<Work> blocks_;
  std::vector<float> sum_;
  std::int64_t valid_ = 0;  // labels that are not ignored
  const Teacher* teacher_ = nullptr;
};

}  // namespace

std::unique_ptr<FusedNet> make_cpu_fused_net(const std::vector<LayerContext>& layers, int threads, bool learns) {
  auto net = LaneNet::make(layers);
  if (net == nullptr) return nullptr;
  return std::make_unique<CpuFusedNet>(std::move(net), layers, threads, learns);
}

}  // namespace olmp
