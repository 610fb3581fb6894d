#include "cpu/fused_product.h"

#include <algorithm>
#include <numeric>

#include "cpu/gemm.h"
#include "cpu/kernels/kernels.h"
#include "cpu/kernels/lane_gradient.h"
#include "cpu/parallel.h"
#include "cpu/parameter_gradient.h"

namespace olmp {
namespace {

constexpr std::uint64_t kUnlisted = static_cast<std::uint64_t>(-1);
// Rows of a weight gradient that are worth waking another thread for.
constexpr std::int64_t kMinRows = 32;

}  // namespace

FusedProduct::FusedProduct(const LaneNet::Product& product, const LaneProduct& lane, const LayerContext& layer, bool learns)
    : lane_(lane),
      list_(product.list.empty()),
      weights_(layer.parameters[0]),
      bias_(layer.parameters.size() > 1 ? layer.parameters[1] : nullptr),
      learns_(learns),
      version_(kUnlisted),
      bias_version_(kUnlisted),
      outputs_(static_cast<std::size_t>(list_.product().outputs)),
      by_rows_(list_.product().points() == 1) {
  std::iota(outputs_.begin(), outputs_.end(), 0);
}

bool FusedProduct::open() const { return learns_ && !(weights_->frozen && (bias_ == nullptr || bias_->frozen)); }

std::int64_t FusedProduct::kept_products() const {
  const std::int64_t kept = weights_->mask == nullptr ? weights_->tensor.count() : weights_->kept;
  return kept * list_.product().points();
}

std::int64_t FusedProduct::live_products() const {
  std::int64_t weights = static_cast<std::int64_t>(rows_.size()) * list_.columns();
  for (const SparseWeights::Part& part : parts_) weights += static_cast<std::int64_t>(part.positions.size());
  return weights * list_.product().points();
}

bool FusedProduct::listed() const {
  return version_ == weights_->mask_version && (bias_ == nullptr || bias_version_ == bias_->mask_version);
}

void FusedProduct::list_kept() {
  if (version_ != weights_->mask_version) list_.select(weights_->mask);
  version_ = weights_->mask_version;
  if (bias_ != nullptr) bias_version_ = bias_->mask_version;
}

void FusedProduct::kept_biases(std::vector<bool>& kept) const {
  kept.assign(outputs_.size(), bias_ != nullptr && bias_->mask == nullptr);
  for (std::size_t o = 0; bias_ != nullptr && bias_->mask != nullptr && o < kept.size(); ++o) kept[o] = bias_->mask[o] != 0.0F;
}

void FusedProduct::set_liveness(const Liveness& live) {
  if (live == live_) return;
  live_ = live;
  rows_.clear();
  if (!by_rows_) {
    parts_ = list_.parts(live.heard, live.sounding);
    return;
  }
  std::copy_if(outputs_.begin(), outputs_.end(), std::back_inserter(rows_),
               [&](std::int32_t output) { return live.heard[static_cast<std::size_t>(output)]; });
}

LaneWeights FusedProduct::begin_pass() {
  LaneWeights weights{list_.product(), bias_ == nullptr ? nullptr : bias_->effective};
  if (weights_->gathered != nullptr) {
    weights.product.value = weights_->gathered->value.data();
  } else {
    list_.gather(weights_->effective);
  }
  return weights;
}

std::size_t FusedProduct::gradient_floats() const {
  if (!learns_) return 0;
  std::size_t weights = list_.positions().size();
  std::size_t live = 0;
  for (const SparseWeights::Part& part : parts_) live += part.positions.size();
  if (open()) weights = std::max(weights, live);
  return weights + outputs_.size();
}

std::size_t FusedProduct::scratch_floats() const {
  if (!open() || by_rows_) return 0;
  return static_cast<std::size_t>(cpu_lane_gradient_kernels().scratch(list_.product().points()));
}

void FusedProduct::block_gradients(LaneBlock& block, bool squared, float* scratch, float* to) const {
  if (squared || !open()) {
    lane_.weight_gradients(block, list_.product(), squared, to);
    to += list_.kept();
  } else {
    for (const SparseWeights::Part& part : parts_) {
      lane_.part_gradients(block, list_, part, scratch, to);
      to += part.positions.size();
    }
  }
  if (bias_ != nullptr) lane_.bias_gradients(block, list_.product(), biases(), squared, to);
}

void FusedProduct::begin_open_gradients(const std::vector<LaneBlock*>& blocks, int threads) {
  if (bias_ != nullptr) begin_addition(*bias_);
  if (!by_rows_) {
    begin_addition(*weights_);
    return;
  }
  const bool overwrite = begin_gradient(*weights_) == 0.0F;
  if (rows_.empty() && !overwrite) return;
  const std::int64_t inputs = list_.columns();
  for (const std::int32_t output : outputs_) {
    if (!overwrite || live_.heard[static_cast<std::size_t>(output)]) continue;
    std::fill_n(weights_->tensor.diff + output * inputs, inputs, 0.0F);
  }
  std::int64_t lanes = 0;
  for (const LaneBlock* block : blocks) lanes = std::max<std::int64_t>(lanes, block->lanes());
  row_gradients_.resize(rows_.size() * static_cast<std::size_t>(inputs));
  row_diffs_.resize(rows_.size() * static_cast<std::size_t>(lanes));
  parallel_for(threads, static_cast<std::int64_t>(rows_.size()), kMinRows,
               [&](std::int64_t begin, std::int64_t end) { add_rows(blocks, begin, end, overwrite); });
}

void FusedProduct::add_rows(const std::vector<LaneBlock*>& blocks, std::int64_t begin, std::int64_t end, bool overwrite) {
  const std::int64_t inputs = list_.columns();
  const std::int64_t most_lanes = static_cast<std::int64_t>(row_diffs_.size() / rows_.size());
  float* sums = row_gradients_.data() + begin * inputs;
  float* dy = row_diffs_.data() + begin * most_lanes;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    LaneBlock& block = *blocks[b];
    const std::int64_t lanes = block.lanes();
    for (std::int64_t row = begin; row < end; ++row) {
      std::copy_n(block.diff(lane_.to()) + rows_[static_cast<std::size_t>(row)] * lanes, lanes, dy + (row - begin) * lanes);
    }
    gemm(Transpose::kNo, Transpose::kYes, end - begin, inputs, lanes, 1, dy, lanes, block.data(lane_.input_slot()), lanes,
         b == 0 ? 0.0F : 1.0F, sums, inputs);
  }
  for (std::int64_t row = begin; row < end; ++row, sums += inputs) {
    float* to = weights_->tensor.diff + rows_[static_cast<std::size_t>(row)] * inputs;
    if (overwrite) {
      std::copy_n(sums, inputs, to);
    } else {
      cpu_kernels().add(to, sums, inputs);
    }
  }
}

}  // namespace olmp
