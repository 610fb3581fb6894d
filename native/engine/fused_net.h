// What a backend may offer beside the layers of a net: the whole of it in one go, for masks that keep so little that the
// way from layer to layer takes longer than the layers.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/layer.h"

namespace olmp {

class MaskCandidates;  // engine/mask_candidates.h
class MaskEvaluator;   // engine/mask_evaluator.h

class FusedNet {
 public:
  virtual ~FusedNet() = default;

  // Whether the masks as they are make it the faster way. By the masks alone, so that a run that is taken up again goes the
  // same way.
  virtual bool suits() = 0;
  // From the batch in the net's inputs to its outputs, which are written as the layers would write them. Blobs between are
  // not.
  virtual void forward() = 0;
  // After a forward() of a net that learns: adds to the parameters' diffs, at the kept places of frozen ones.
  virtual void backward() = 0;
  // Of a net that learns: the frozen parameters whose kept elements it takes from, and whose gradients it adds to,
  // Parameter::gathered where they are.
  virtual std::vector<Parameter*> gatherable() const = 0;
  // After a forward() of a net that learns: adds the square of each image's own gradient at the kept places, its label
  // drawn from the net's softmax by one uniform number per image, in the order of the batch. Diffs are left alone.
  virtual void add_squared_gradients(Random& random, const SquareSums& sums) = 0;
  // See Layer::learn_from; of the net's only loss.
  virtual void learn_from(const Teacher& teacher) = 0;
  // Tries masks of the candidates' layers; the weights stay as they are as long as it lives, as do the candidates.
  virtual std::unique_ptr<MaskEvaluator> evaluator(const MaskCandidates& candidates) = 0;
  virtual std::int64_t memory_bytes() const = 0;
};

}  // namespace olmp
