// The CPU's FusedNet: a chain of sparse layers with the batch innermost, a block of images after another from the input to
// the loss and back.
#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "cpu/crew.h"
#include "cpu/fused_net.h"
#include "cpu/fused_product.h"
#include "cpu/kernels/kernels.h"
#include "cpu/kernels/lanes.h"
#include "cpu/lane_net.h"
#include "cpu/lane_population.h"
#include "cpu/loss.h"
#include "cpu/parameter_gradient.h"
#include "engine/error.h"

namespace olmp {
namespace {

// Where lists beat the dense layers, in multiplications per image (bench/sparse_step with densities given): one by a list takes
// about as long as so many dense ones.
constexpr double kListed = 3.5;
// Multiplications of a pass, some 50 microseconds of them, below which a second thread costs more than it brings.
constexpr double kSharedWork = 1.5e6;
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
  std::vector<float> gradients;  // of one product after another
  std::vector<float> scratch;
};

class CpuFusedNet final : public FusedNet {
 public:
  CpuFusedNet(std::unique_ptr<LaneNet> net, std::vector<LayerContext> layers, int threads, bool learns)
      : net_(std::move(net)), layers_(std::move(layers)), threads_(threads), learns_(learns) {
    products_.reserve(net_->products().size());
    for (const auto& layer : net_->layers()) {
      if (layer->product() == nullptr) continue;
      const LaneNet::Product& product = net_->products()[layer->product()->index()];
      const LayerContext& described = layers_[product.layer];
      dense_products_ += product.dense_products;
      products_.emplace_back(product, *layer->product(), described, learns_ && described.parameter_gradients);
    }
    weights_.resize(products_.size());
    kept_biases_.resize(products_.size());
    for (const FusedProduct& product : products_) lists_.push_back(&product.list());
    for (const LaneNet::Judge& judge : net_->judges()) {
      if (judge.loss) loss_.emplace(layers_[judge.layer]);
    }
  }

  bool suits() override {
    const bool open = std::any_of(products_.begin(), products_.end(), [](const FusedProduct& one) { return one.open(); });
    const bool listed = std::all_of(products_.begin(), products_.end(), [](const FusedProduct& one) { return one.listed(); });
    if (listed && open == open_ && !blocks_.empty()) return suits_;
    open_ = open;
    suits_ = choose();
    return suits_;
  }

  void forward() override {
    for (std::size_t p = 0; p < products_.size(); ++p) weights_[p] = products_[p].begin_pass();
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
    for (FusedProduct& product : products_) {
      if (product.open()) product.begin_open_gradients(lane_blocks_, threads_);
    }
    hand_over(false, [&](Parameter& parameter, const std::vector<std::int32_t>& places, const float* sums) {
      const float factor = parameter.frozen ? begin_gradient(parameter) : 1.0F;  // others were begun above
      float* diff = parameter.gathered != nullptr ? parameter.gathered->diff.data() : parameter.tensor.diff;
      const bool side_by_side = parameter.gathered != nullptr;
      for (std::size_t i = 0; i < places.size(); ++i) {
        float& total = diff[side_by_side ? i : static_cast<std::size_t>(places[i])];
        total = factor == 0.0F ? sums[i] : total + sums[i];  // what a cleared diff holds may be a NaN
      }
    });
  }

  std::vector<Parameter*> gatherable() const override {
    std::vector<Parameter*> parameters;
    for (const FusedProduct& product : products_) {
      if (product.gatherable() != nullptr) parameters.push_back(product.gatherable());
    }
    return parameters;
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
    hand_over(true, [&](Parameter& parameter, const std::vector<std::int32_t>& places, const float* squares) {
      float* to = sums(parameter);
      if (to == nullptr) return;
      for (std::size_t i = 0; i < places.size(); ++i) to[places[i]] += squares[i];
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
  struct Loss {
    explicit Loss(const LayerContext& layer)
        : normalization(layer.params, layer.name), weight(layer.loss_weights.at(0)) {}
    Normalization normalization;
    float weight;
  };

  // After a change of masks: makes the lists, and tells whether they are to be used. They cost little beside a dense pass, but
  // are not made where what is kept tells already.
  bool choose() {
    if (blocks_.empty()) make_blocks();
    const double passes = !learns_ ? 1 : open_ ? 2 : 3;  // of a list: forward, gradients of the input and of the weights
    double kept = 0;
    for (const FusedProduct& product : products_) {
      if (product.open() && !product.can_be_open()) return false;
      kept += static_cast<double>(product.kept_products());
    }
    double listed = kListed * passes * kept;
    shared_ = kept * static_cast<double>(net_->batch()) >= kSharedWork;
    const double dense = (learns_ ? 3.0 : 1.0) * static_cast<double>(dense_products_);
    if (listed >= dense) return false;
    for (FusedProduct& product : products_) product.list_kept();
    if (!learns_) return true;
    if (open_) find_live();
    std::size_t gradients = 0;
    std::size_t scratch = 0;
    for (const FusedProduct& product : products_) {
      gradients += product.gradient_floats();
      scratch = std::max(scratch, product.scratch_floats());
      if (open_) listed += static_cast<double>(product.live_products());
    }
    if (listed >= dense) return false;
    for (Work& work : blocks_) {
      work.gradients.resize(gradients);
      work.scratch.resize(scratch);
    }
    return true;
  }

  void find_live() {
    for (std::size_t p = 0; p < products_.size(); ++p) products_[p].kept_biases(kept_biases_[p]);
    find_liveness(net_->products(), lists_, kept_biases_, live_);
    for (std::size_t p = 0; p < products_.size(); ++p) products_[p].set_liveness(live_[p]);
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
    for (Work& work : blocks_) lane_blocks_.push_back(&work.block);
  }

  template <typename Body>
  void for_blocks(const Body& body) {
    const auto blocks = static_cast<std::int64_t>(blocks_.size());
    if (!shared_) {
      for (Work& work : blocks_) body(work);
      return;
    }
    if (!crew_) crew_ = std::make_unique<Crew>(std::min(threads_, static_cast<int>(blocks)));
    crew_->each(blocks, [&](std::int64_t b) { body(blocks_[static_cast<std::size_t>(b)]); });
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
    const auto first = std::find_if(products_.begin(), products_.end(), [](const FusedProduct& one) { return one.learns(); });
    if (first == products_.end()) return;
    for (auto layer = net_->layers().rbegin(); layer != net_->layers().rend(); ++layer) {
      if ((*layer)->product() == &first->lane()) break;
      (*layer)->backward(work.block, weights_);
    }
    float* to = work.gradients.data();
    for (const FusedProduct& product : products_) {
      if (!product.learns()) continue;
      product.block_gradients(work.block, squared, work.scratch.data(), to);
      to += product.gradient_floats();
    }
  }

  // Sums the blocks' gradients, in order, and hands them over by parameter.
  template <typename Take>
  void hand_over(bool squared, const Take& take) {
    std::vector<float>& sums = blocks_.front().gradients;
    for (std::size_t b = 1; b < blocks_.size(); ++b) {
      cpu_kernels().add(sums.data(), blocks_[b].gradients.data(), static_cast<std::int64_t>(sums.size()));
    }
    const float* from = sums.data();
    for (const FusedProduct& product : products_) {
      product.hand_over(squared, from, take);
      from += product.gradient_floats();
    }
  }

  std::unique_ptr<LaneNet> net_;
  std::vector<LayerContext> layers_;
  int threads_;
  bool learns_;
  std::unique_ptr<Crew> crew_;  // made where it is first needed
  bool shared_ = false;         // there is enough to do for it
  std::vector<FusedProduct> products_;
  std::vector<LaneWeights> weights_;  // of the pass under way
  std::optional<Loss> loss_;
  std::int64_t dense_products_ = 0;
  bool suits_ = false;
  bool open_ = false;  // some product is
  std::vector<Work> blocks_;
  std::vector<LaneBlock*> lane_blocks_;  // theirs
  // What is found anew whenever masks change, by product.
  std::vector<const SparseWeights*> lists_;
  std::vector<std::vector<bool>> kept_biases_;
  std::vector<Liveness> live_;
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
