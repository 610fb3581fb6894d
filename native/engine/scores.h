// A score for every parameter that can be pruned, and which of those kept now are the best by it.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/mask.h"
#include "engine/parameter_store.h"

namespace olmp {

class Scores {
 public:
  Scores(Backend& backend, const ParameterStore& parameters, std::size_t layers);

  // By the parameter's position in the store; empty for those that cannot be pruned.
  std::vector<float>& of(std::size_t parameter) { return scores_[parameter]; }
  std::vector<float>& of(const Parameter& parameter);
  std::int64_t memory_bytes() const;

  // As many of each layer as `total` over all layers keeps. Where fewer are kept now: those.
  std::vector<std::int64_t> best_counts(std::int64_t total) const;
  // Keeps the `total` best over all layers; of equals those that come first. What is pruned stays so.
  void keep_best(std::int64_t total, Masks& masks);
  // By parameter, in the backend's memory: int32 ranks of its elements among those that its layer keeps now, best first from 0,
  // of equals those that come first; pruned ones have no rank, the largest number. Valid until the masks change.
  const std::vector<FloatBuffer>& ranks();
  // Keeps the counts[l] best of each layer.
  void keep_best(const std::vector<std::int64_t>& counts, Masks& masks);

 private:
  struct Cut {
    float least = 0;        // everything above is kept
    std::int64_t equal = 0; // and so many equal to it, those that come first
    bool all = false;
  };
  struct Kept {  // of the layer, in order
    std::vector<std::size_t> parameters;
    std::vector<std::vector<float>> masks;
  };

  Kept kept_of(std::size_t layer) const;
  Cut cut(std::vector<float>& scores, std::int64_t total) const;
  // Marks in `kept` what is beyond the cut; answers how many stay.
  std::int64_t apply(Cut& cut, Kept& kept) const;
  void append_kept_scores(const Kept& kept, std::vector<float>& to) const;

  Backend& backend_;
  const ParameterStore& parameters_;
  std::size_t layers_;
  std::vector<std::vector<float>> scores_;
  std::vector<FloatBuffer> ranks_;            // empty: not made
  std::vector<std::uint64_t> ranked_masks_;   // versions of the masks they were made by
};

}  // namespace olmp
