// Masks that a search tries on unchanged weights, as ranges of a ranking of each layer's elements: none is written out before
// it is wanted.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/mask.h"
#include "engine/parameter_store.h"
#include "engine/ranking.h"
#include "engine/scores.h"

namespace olmp {

// By prunable layer.
using CandidateMask = std::vector<RankedMask>;

class MaskCandidates {
 public:
  struct Layer {
    std::vector<Parameter*> parameters;  // by slot; a layer's elements are theirs, one parameter after another
    Ranking ranking;
  };

  // Elements ranked by magnitude.
  static MaskCandidates by_magnitude(Backend& backend, const ParameterStore& parameters);
  // Elements kept now ranked by score; the others are in no mask.
  static MaskCandidates by_score(Backend& backend, const ParameterStore& parameters, Scores& scores);

  const std::vector<Layer>& layers() const { return layers_; }
  // The masks as they were at the beginning; that of a layer without one keeps all.
  CandidateMask as_before() const;
  std::int64_t kept(const CandidateMask& mask) const;
  // One candidate after another, rates[p * layers + l]: each on the masks that were at the beginning, or, `sequential`, on
  // those of the candidate before it, the first one on `from`. A rate that is NaN leaves the layer as it is.
  std::vector<CandidateMask> at_rates(const Masks& masks, const std::vector<double>& rates, bool sequential,
                                      const CandidateMask& from) const;
  // Makes the session's mask of the layer this one.
  void write(std::size_t layer, const RankedMask& mask, Masks& masks) const;
  std::int64_t memory_bytes() const;

 private:
  MaskCandidates() = default;

  std::vector<Layer> layers_;
};

}  // namespace olmp
