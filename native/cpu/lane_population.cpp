#include "cpu/lane_population.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>

#include "cpu/kernels/lanes.h"
#include "cpu/kernels/rank_select.h"
#include "cpu/loss.h"
#include "cpu/parallel.h"
#include "engine/denormals.h"

namespace olmp {
namespace {

// Vectors of images of a candidate that are worked out before it may be given up: an inner product needs more of them to keep
// the multipliers busy.
constexpr int kConvolutionVectors = 2;
constexpr int kInnerProductVectors = 4;
// Blocks of images whose blobs a thread keeps from one candidate to the next, for the layers that both have.
constexpr std::size_t kMostKeptBlocks = 4;
constexpr std::size_t kSlack = 16;  // of RankKernels::select

struct Entries {
  std::vector<std::int32_t> key;
  std::vector<std::int32_t> offset;
  std::vector<float> value;
  std::vector<std::int64_t> first;  // by output, and one more

  void resize(std::size_t n, std::size_t outputs) {
    key.resize(n + kSlack);
    offset.resize(n + kSlack);
    value.resize(n + kSlack);
    first.resize(outputs + 1);
  }
  RankedEntries at(std::int64_t place) { return {key.data() + place, offset.data() + place, value.data() + place}; }
};

// Entries of each output of `from` within the spans.
void select(const RankedMask& spans, Entries& from, Entries& to) {
  const auto kernel = cpu_rank_kernels().select;
  std::int64_t found = 0;
  to.first[0] = 0;
  for (std::size_t output = 0; output + 1 < from.first.size(); ++output) {
    const std::int64_t begin = from.first[output];
    found += kernel(spans.data(), static_cast<std::int64_t>(spans.size()), from.at(begin), from.first[output + 1] - begin,
                    to.at(found));
    to.first[output + 1] = found;
  }
}

// One product of the chain, its weights ranked.
struct Product {
  std::size_t layer = 0;  // among the candidates'
  SparseProduct shape;    // without a list
  Entries all;
  Entries few;            // of them, those of the smallest ranks
  std::int32_t few_end = -1;    // ranks below it are in `few`
  const float* bias = nullptr;  // null: none
  std::size_t first_bias = 0;   // among the layer's elements
};

// What one thread works with.
struct Worker {
  struct List {
    std::vector<std::int32_t> first;
    std::vector<std::int32_t> offset;
    std::vector<float> value;
    std::vector<float> bias;
    std::optional<RankedMask> mask;  // that is listed
    std::uint64_t version = 0;       // another after every change
  };
  std::vector<List> lists;
  std::vector<LaneWeights> weights;
  std::vector<LaneBlock> blocks;
  std::vector<std::vector<std::uint64_t>> versions;  // by block: of the lists that its blobs were worked out with
  std::vector<float> probabilities;
  std::vector<float> losses;
  std::vector<std::int32_t> better;
};

struct ImageBlock {
  FloatBuffer data{nullptr, [](float*) {}};  // (points, lanes)
  std::vector<std::int32_t> labels;          // -1: ignored, or no image
};

class LanePopulation final : public MaskEvaluator {
 public:
  LanePopulation(const LaneNet& net, const std::vector<std::vector<Parameter*>>& parameters,
                 const std::vector<LayerContext>& layers, const MaskCandidates& candidates, int threads)
      : net_(net), candidates_(candidates), threads_(threads), workers_(static_cast<std::size_t>(threads)) {
    for (std::size_t p = 0; p < net.products().size(); ++p) add_product(net.products()[p], parameters[p]);
    for (const LaneNet::Judge& judge : net.judges()) add_judge(judge, layers[judge.layer]);
    for (Worker& worker : workers_) {
      worker.lists.resize(products_.size());
      worker.weights.resize(products_.size());
    }
  }

  std::string data_blob() const override { return net_.input().name; }
  std::string label_blob() const override { return net_.labels().name; }
  Batch loaded_batch() const override { return {net_.input().data, net_.labels().data}; }

  void evaluate(const std::vector<CandidateMask>& candidates, const std::vector<std::size_t>& which,
                const std::vector<Batch>& batches, double least_accuracy, const std::function<bool()>& cancelled,
                std::vector<Evaluation>& evaluations) override {
    if (which.empty()) return;
    load(batches);
    narrow(candidates, which);
    const std::vector<std::size_t> order = in_order(candidates, which);
    const std::vector<std::size_t> shares = equal_shares(candidates, order);
    const auto pieces = static_cast<std::int64_t>(shares.size()) - 1;
    parallel_for(static_cast<int>(pieces), pieces, 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto piece = static_cast<std::size_t>(begin); piece < static_cast<std::size_t>(end); ++piece) {
        Worker& worker = workers_[piece];
        prepare(worker);
        for (std::size_t i = shares[piece]; i < shares[piece + 1] && !cancelled(); ++i) {
          evaluations[order[i]] = evaluate_one(worker, candidates[order[i]], least_accuracy);
        }
      }
    });
  }

  std::int64_t memory_bytes() const override {
    std::int64_t bytes = 0;
    for (const Product& product : products_) {
      bytes += static_cast<std::int64_t>((product.all.key.size() + product.few.key.size()) * 12);
    }
    for (const Worker& worker : workers_) {
      for (const LaneBlock& block : worker.blocks) bytes += block.memory_bytes();
    }
    return bytes;
  }

 private:
  void add_product(const LaneNet::Product& described, const std::vector<Parameter*>& parameters) {
    Product product;
    product.layer = static_cast<std::size_t>(parameters[0]->prunable);
    product.shape = described.list.product();
    const Ranking& ranking = candidates_.layers()[product.layer].ranking;
    SparseWeights list = described.list.empty();
    list.select(nullptr);
    list.gather(parameters[0]->tensor.data);
    const auto n = static_cast<std::size_t>(list.kept());
    product.all.resize(n, static_cast<std::size_t>(product.shape.outputs));
    for (std::size_t i = 0; i < n; ++i) {
      const auto element = static_cast<std::size_t>(list.positions()[i]);
      product.all.key[i] = 2 * ranking.rank(element) + (ranking.kept_before(element) ? 0 : 1);
      product.all.offset[i] = list.product().offset[i];
      product.all.value[i] = list.product().value[i];
    }
    std::copy_n(list.product().first, product.all.first.size(), product.all.first.begin());
    product.few.resize(n, static_cast<std::size_t>(product.shape.outputs));
    product.first_bias = n;
    if (parameters.size() > 1) product.bias = parameters[1]->tensor.data;
    if (product.shape.points() > 1) block_vectors_ = kConvolutionVectors;
    products_.push_back(std::move(product));
  }

  // Multiplications per image.
  double products(const CandidateMask& mask) const {
    double sum = 0;
    for (const Product& product : products_) {
      const Ranking& ranking = candidates_.layers()[product.layer].ranking;
      sum += static_cast<double>(ranking.count(mask[product.layer])) * static_cast<double>(product.shape.points());
    }
    return sum;
  }

  // Those that have their first layers in common after one another.
  std::vector<std::size_t> in_order(const std::vector<CandidateMask>& candidates, std::vector<std::size_t> which) const {
    std::stable_sort(which.begin(), which.end(), [&](std::size_t a, std::size_t b) {
      for (const Product& product : products_) {
        const RankedMask& left = candidates[a][product.layer];
        const RankedMask& right = candidates[b][product.layer];
        if (left < right) return true;
        if (right < left) return false;
      }
      return false;
    });
    return which;
  }

  // Where in `order` each thread's candidates begin, with about as many multiplications for each.
  std::vector<std::size_t> equal_shares(const std::vector<CandidateMask>& candidates,
                                        const std::vector<std::size_t>& order) const {
    std::vector<double> sums{0};
    for (const std::size_t candidate : order) sums.push_back(sums.back() + 1 + products(candidates[candidate]));
    std::vector<std::size_t> begins{0};
    for (int thread = 1; thread < threads_; ++thread) {
      const double until = sums.back() * thread / threads_;
      const auto end = std::lower_bound(sums.begin(), sums.end(), until);
      begins.push_back(static_cast<std::size_t>(end - sums.begin()));
    }
    begins.push_back(order.size());
    return begins;
  }

  void add_judge(const LaneNet::Judge& judge, const LayerContext& layer) {
    ignored_ = read_ignore_label(layer.params);
    judge_name_ = layer.name;
    if (judge.loss) {
      normalization_.emplace(layer.params, layer.name);
      loss_weight_ = layer.loss_weights.at(0);
    } else if (!top_k_ || judge.top_k <= *top_k_) {
      top_k_ = judge.top_k;
    }
  }

  // Turns the batches' images once for all candidates.
  void load(const std::vector<Batch>& batches) {
    const std::int64_t vector = cpu_sparse_kernels().lanes;
    const std::int64_t batch_size = net_.batch();
    const std::int64_t each = (batch_size + vector * block_vectors_ - 1) / (vector * block_vectors_);
    const std::int64_t images = (batch_size + each - 1) / each;
    const std::int64_t lanes = (images + vector - 1) / vector * vector;
    batches_ = batches.size();
    blocks_.resize(batches_ * static_cast<std::size_t>(each));
    valid_.assign(batches_, 0);
    std::size_t place = 0;
    for (std::size_t b = 0; b < batches_; ++b) {
      for (std::int64_t first = 0; first < batch_size; first += images, ++place) {
        ImageBlock& block = blocks_[place];
        const std::int64_t count = std::min(images, batch_size - first);
        if (block.data == nullptr) block.data = allocate_host(net_.input_points() * lanes, "a batch's images");
        LaneBlock::turn(batches[b].data + first * net_.input_points(), count, net_.input_points(), block.data.get(), lanes);
        block.labels.assign(static_cast<std::size_t>(lanes), -1);
        for (std::int64_t i = 0; i < count; ++i) {
          const auto label = read_label(batches[b].labels[first + i], net_.classes(), ignored_, judge_name_);
          if (!label) continue;
          block.labels[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(*label);
          ++valid_[b];
        }
      }
    }
  }

  // Leaves in `few` what any of the candidates may keep: the lists of each are then a small part of a small part.
  void narrow(const std::vector<CandidateMask>& candidates, const std::vector<std::size_t>& which) {
    for (Product& product : products_) {
      std::int32_t end = 0;
      for (const std::size_t candidate : which) {
        const RankedMask& mask = candidates[candidate][product.layer];
        if (!mask.empty()) end = std::max(end, mask.back().end);
      }
      if (product.few_end >= end && product.few_end / 2 <= end) continue;
      select({{0, end, false}}, product.all, product.few);
      product.few_end = end;
    }
  }

  void prepare(Worker& worker) const {
    const std::size_t kept = blocks_.size() <= kMostKeptBlocks ? blocks_.size() : 1;
    worker.versions.assign(kept, std::vector<std::uint64_t>(products_.size()));
    if (worker.blocks.size() == kept) return;
    worker.blocks.clear();
    for (std::size_t b = 0; b < kept; ++b) {
      worker.blocks.emplace_back(net_, static_cast<int>(blocks_[b].labels.size()), false);
    }
    const std::size_t lanes = blocks_.front().labels.size();
    worker.probabilities.resize(static_cast<std::size_t>(net_.classes()) * lanes);
    worker.losses.resize(lanes);
    worker.better.resize(lanes);
  }

  // Lists what the mask keeps of the product.
  void choose(Worker::List& list, LaneWeights& weights, Product& product, const CandidateMask& candidate) const {
    const RankedMask& mask = candidate[product.layer];
    if (list.mask == mask) return;
    const Ranking& ranking = candidates_.layers()[product.layer].ranking;
    const auto most = static_cast<std::size_t>(product.few.first.back()) + kSlack;
    if (list.offset.size() < most) {
      list.offset.resize(most);
      list.value.resize(most);
    }
    const auto outputs = static_cast<std::size_t>(product.shape.outputs);
    list.first.resize(outputs + 1);
    const auto kernel = cpu_rank_kernels().select;
    std::int64_t found = 0;
    for (std::size_t output = 0; output < outputs; ++output) {
      const std::int64_t begin = product.few.first[output];
      found += kernel(mask.data(), static_cast<std::int64_t>(mask.size()), product.few.at(begin),
                      product.few.first[output + 1] - begin, {nullptr, list.offset.data() + found, list.value.data() + found});
      list.first[output + 1] = static_cast<std::int32_t>(found);
    }
    weights.product = product.shape;
    weights.product.first = list.first.data();
    weights.product.offset = list.offset.data();
    weights.product.value = list.value.data();
    weights.bias = nullptr;
    if (product.bias != nullptr) {
      list.bias.resize(outputs);
      for (std::size_t o = 0; o < outputs; ++o) {
        list.bias[o] = ranking.keeps(mask, product.first_bias + o) ? product.bias[o] : 0.0F;
      }
      weights.bias = list.bias.data();
    }
    list.mask = mask;
    ++list.version;
  }

  Evaluation evaluate_one(Worker& worker, const CandidateMask& candidate, double least_accuracy) {
    const FlushDenormals flush;
    for (std::size_t p = 0; p < products_.size(); ++p) {
      choose(worker.lists[p], worker.weights[p], products_[p], candidate);
    }
    Evaluation result;
    result.reached = true;
    std::int64_t hits = 0;
    std::int64_t seen = 0;
    const std::size_t each = blocks_.size() / batches_;
    for (std::size_t batch = 0; batch < batches_; ++batch) {
      double loss = 0;
      for (std::size_t b = 0; b < each; ++b) {
        const std::size_t place = batch * each + b;
        forward(worker, place);
        const std::size_t images = blocks_[place].labels.size();
        for (std::size_t i = 0; i < images; ++i) {
          if (blocks_[place].labels[i] < 0) continue;
          ++seen;
          loss += static_cast<double>(worker.losses[i]);
          if (top_k_ && worker.better[i] < *top_k_) ++hits;
        }
        if (top_k_ && share(hits + total_valid() - seen, total_valid()) < least_accuracy) {
          result.loss = result.accuracy = std::numeric_limits<double>::quiet_NaN();
          return result;
        }
      }
      if (normalization_) {
        result.loss += loss_weight_ * static_cast<double>(static_cast<float>(loss) /
                                                          normalization_->divisor(net_.batch(), 1, valid_[batch]));
      }
    }
    result.loss /= static_cast<double>(batches_);
    result.accuracy = top_k_ ? share(hits, total_valid()) : std::numeric_limits<double>::quiet_NaN();
    return result;
  }

  static double share(std::int64_t hits, std::int64_t valid) {
    return valid == 0 ? 0.0 : static_cast<double>(static_cast<float>(hits) / static_cast<float>(valid));
  }
  std::int64_t total_valid() const { return std::accumulate(valid_.begin(), valid_.end(), std::int64_t{0}); }

  // Begins with the first product whose weights are other ones than those that the block's blobs were worked out with.
  void forward(Worker& worker, std::size_t place) const {
    const ImageBlock& images = blocks_[place];
    const bool kept = worker.blocks.size() == blocks_.size();
    LaneBlock& block = worker.blocks[kept ? place : 0];
    std::vector<std::uint64_t>& versions = worker.versions[kept ? place : 0];
    block.share_input(images.data.get());
    bool begun = !kept || versions[0] == 0;
    for (const auto& layer : net_.layers()) {
      if (const LaneProduct* product = layer->product()) {
        const std::uint64_t version = worker.lists[product->index()].version;
        begun = begun || versions[product->index()] != version;
        versions[product->index()] = version;
      }
      if (begun) layer->forward(block, worker.weights);
    }
    const LaneSoftmax softmax{net_.classes(), block.lanes(), block.data(net_.logits()), images.labels.data()};
    if (normalization_) cpu_lane_kernels().softmax(softmax, worker.probabilities.data(), worker.losses.data());
    if (top_k_) cpu_lane_kernels().rank(softmax, worker.better.data());
  }

  const LaneNet& net_;
  const MaskCandidates& candidates_;
  int threads_;
  std::vector<Product> products_;
  std::optional<Normalization> normalization_;  // none without a loss
  float loss_weight_ = 0;
  std::optional<std::int64_t> top_k_;
  std::optional<int> ignored_;
  std::string judge_name_;
  int block_vectors_ = kInnerProductVectors;
  std::vector<Worker> workers_;
  std::vector<ImageBlock> blocks_;  // of all batches
  std::size_t batches_ = 0;
  std::vector<std::int64_t> valid_;  // labels that are not ignored, by batch
};

}  // namespace

std::unique_ptr<MaskEvaluator> make_lane_population(const LaneNet& net,
                                                    const std::vector<std::vector<Parameter*>>& parameters,
                                                    const std::vector<LayerContext>& layers,
                                                    const MaskCandidates& candidates, int threads) {
  return std::make_unique<LanePopulation>(net, parameters, layers, candidates, threads);
}

}  // namespace olmp
