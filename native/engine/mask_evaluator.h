// Tries masks on the net's weights without touching the session's: what a backend may offer a search.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/mask_candidates.h"

namespace olmp {

class MaskEvaluator {
 public:
  struct Batch {
    const float* data = nullptr;    // of the net's input
    const float* labels = nullptr;  // one per image
  };
  struct Evaluation {
    double loss = 0;      // weighted, mean over the batches
    double accuracy = 0;  // of the smallest top_k; NaN where the net has none, and where it was given up
    bool reached = false; // false after a cancellation
  };

  virtual ~MaskEvaluator() = default;
  // Names of the blobs that a batch fills.
  virtual std::string data_blob() const = 0;
  virtual std::string label_blob() const = 0;
  // What the net's own blobs hold.
  virtual Batch loaded_batch() const = 0;
  // Of the candidates listed in `which`: evaluations[p] of candidate p. One that cannot come to
  // `least_accuracy` any more is given up; -infinity: none is. Throws Error("bad-label").
  virtual void evaluate(const std::vector<CandidateMask>& candidates, const std::vector<std::size_t>& which,
                        const std::vector<Batch>& batches, double least_accuracy, const std::function<bool()>& cancelled,
                        std::vector<Evaluation>& evaluations) = 0;
  virtual std::int64_t memory_bytes() const = 0;
};

}  // namespace olmp
