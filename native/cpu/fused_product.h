// One product of a fused net: its kept weights as a list, and the gradients of its parameters.
#pragma once

#include <cstdint>
#include <vector>

#include "cpu/lane_net.h"
#include "cpu/liveness.h"

namespace olmp {

class FusedProduct {
 public:
  // `learns`: its parameters have gradients.
  FusedProduct(const LaneNet::Product& product, const LaneProduct& lane, const LayerContext& layer, bool learns);

  const LaneProduct& lane() const { return lane_; }
  const SparseWeights& list() const { return list_; }
  bool learns() const { return learns_; }
  // The weights, where they are frozen and listed in the order of their places; else null.
  Parameter* gatherable() const { return learns_ && weights_->frozen && list_.by_output() ? weights_ : nullptr; }
  // Masks may still change: the gradients of pruned weights are wanted too.
  bool open() const;
  // False where those of its kind are not to be had here.
  bool can_be_open() const { return list_.by_output(); }
  // Multiplications per image with the kept weights; with all that have a gradient while it is open.
  std::int64_t kept_products() const;
  std::int64_t live_products() const;

  bool listed() const;  // the list is that of the present mask
  void list_kept();
  // By output, whether its bias is kept.
  void kept_biases(std::vector<bool>& kept) const;
  void set_liveness(const Liveness& live);
  // The list's values and the biases, for the pass that begins.
  LaneWeights begin_pass();

  // Of one block, after its diffs: what is to be summed over the blocks, gradient_floats() of them. `squared`: of the squares
  // of each image's own gradient, of kept weights alone. `scratch` holds scratch_floats().
  std::size_t gradient_floats() const;
  std::size_t scratch_floats() const;
  void block_gradients(LaneBlock& block, bool squared, float* scratch, float* to) const;
  // Where the sums go: calls take(parameter, places, sums).
  template <typename Take>
  void hand_over(bool squared, const float* sums, const Take& take) const {
    if (!learns_) return;
    std::size_t at = 0;
    if (squared || !open()) {
      take(*weights_, list_.positions(), sums);
      at = list_.positions().size();
    } else {
      for (const SparseWeights::Part& part : parts_) {
        take(*weights_, part.positions, sums + at);
        at += part.positions.size();
      }
    }
    if (bias_ != nullptr) take(*bias_, biases(), sums + at);
  }
  // While it is open: the diffs are made ready for what hand_over gives. The weights of an inner product, for which it gives
  // nothing, get theirs whole: dW = dY X^T over the lanes of all blocks, for the outputs that are heard.
  void begin_open_gradients(const std::vector<LaneBlock*>& blocks, int threads);

 private:
  void add_rows(const std::vector<LaneBlock*>& blocks, std::int64_t begin, std::int64_t end, bool overwrite);
  // Outputs whose bias has a gradient.
  const std::vector<std::int32_t>& biases() const { return bias_->frozen ? bias_->kept_places : outputs_; }

  const LaneProduct& lane_;
  SparseWeights list_;
  Parameter* weights_;
  Parameter* bias_;  // null: none
  bool learns_;
  std::uint64_t version_;       // of the listed masks
  std::uint64_t bias_version_;
  std::vector<std::int32_t> outputs_;  // all of them
  // While it is open: the weights whose gradients are not zero whatever the images, of an inner product as whole rows.
  bool by_rows_;
  Liveness live_;
  std::vector<SparseWeights::Part> parts_;
  std::vector<std::int32_t> rows_;
  std::vector<float> row_gradients_;  // (rows, inputs)
  std::vector<float> row_diffs_;      // (rows, lanes)
};

}  // namespace olmp
