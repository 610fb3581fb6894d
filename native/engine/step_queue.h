// Steps that a device works off while the host prepares the next ones. Nothing of a step waits for the device: its numbers
// are handed over before it, and what it measures is read for many steps at once.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "engine/update_rule.h"

namespace olmp {

class StepQueue {
 public:
  // The sum over an array, times a factor, is added to a column of the step's row.
  struct Measure {
    const float* values = nullptr;
    std::int64_t count = 0;
    double factor = 1;
    std::size_t column = 0;
    bool operator==(const Measure& other) const {
      return values == other.values && count == other.count && factor == other.factor && column == other.column;
    }
  };
  // A parameter's update; the step's learning rate is multiplied by rate_factor. Where there is a mask, masked becomes
  // value * mask; `confined`: what the mask prunes stays as it is, and its gradient counts for nothing.
  struct Update {
    float* value = nullptr;
    const float* diff = nullptr;
    float* history = nullptr;
    float* history2 = nullptr;
    std::int64_t count = 0;
    float rate_factor = 1;
    float decay = 0;
    const float* mask = nullptr;
    float* masked = nullptr;
    bool confined = false;
    bool operator==(const Update& other) const {
      return value == other.value && diff == other.diff && history == other.history && history2 == other.history2 &&
             count == other.count && rate_factor == other.rate_factor && decay == other.decay && mask == other.mask &&
             masked == other.masked && confined == other.confined;
    }
  };
  // A parameter whose masks differ among candidates; masked (candidates, count) receives value times each one's mask.
  struct Candidates {
    const float* value = nullptr;
    float* mask = nullptr;                // those they start from; null: all kept
    const std::int32_t* ranks = nullptr;  // for keep_ranked, in the device's memory
    float* masked = nullptr;
    std::int64_t count = 0;
    int layer = -1;                       // among those that have limits or counts; -1: its masks stay
    bool operator==(const Candidates& other) const {
      return value == other.value && mask == other.mask && ranks == other.ranks && masked == other.masked &&
             count == other.count && layer == other.layer;
    }
  };
  // How a candidate masks a layer: kept and |w| <= prune_at -> pruned; pruned and |w| > keep_above -> kept; unless same is 1.
  struct Limits {
    float prune_at = 0;
    float keep_above = 0;
    std::int32_t same = 1;
  };
  // A parameter that may be masked anew at the begin of a step; masked becomes value * mask.
  struct Maskable {
    const float* value = nullptr;
    float* mask = nullptr;
    float* masked = nullptr;
    const float* element = nullptr;  // the first of its layer's masks, which picks the limits
    std::int64_t count = 0;
    int layer = 0;
    bool operator==(const Maskable& other) const {
      return value == other.value && mask == other.mask && masked == other.masked && element == other.element &&
             count == other.count && layer == other.layer;
    }
  };
  static constexpr std::size_t kMostMaskableLayers = 256;
  struct Trials {
    const Limits* limits = nullptr;  // (candidates, layers), in the device's memory
    std::size_t candidates = 0;
    std::size_t layers = 0;
    bool sequential = false;         // each candidate starts from the masks of the one before
  };
  static constexpr std::size_t kMostRows = 64;  // between two read_rows

  virtual ~StepQueue() = default;

  // What is measured, and how many columns a row has. A sum in `loss_column` that is no number ends the updates until
  // the next begin.
  virtual void begin(const std::vector<Measure>& measures, std::size_t columns, std::size_t loss_column) = 0;
  // Starts a row of zeros; `rate` and `iteration` are those of its update.
  virtual void begin_row(float rate, int iteration) = 0;
  // Which layers (at most kMostMaskableLayers; bit l % 32 of word l / 32) the row's step masks anew.
  virtual void draw_layers(const std::uint32_t* words, std::size_t count) = 0;
  // Masks them. limits (layers, 2), in the device's memory: where the first element of a layer's masks is 0, and where it is 1.
  virtual void remask(const std::vector<Maskable>& parameters, const Limits* limits) = 0;
  // Does `work`, which gives the device its work by layers' passes, measure and update; or, where the device has recorded
  // what `work` gave it for this key, has that done again without calling it. So the key tells apart whatever makes a
  // difference to what `work` gives: memory, and numbers that are not the step's.
  virtual void run(std::uint64_t key, const std::function<void()>& work) = 0;
  virtual void measure() = 0;
  // `rule` without rate and decay; gradients are clipped to the norm `clip` where that is not negative.
  virtual void update(const UpdateRule& rule, float clip, const std::vector<Update>& updates) = 0;
  // Adds the number of ones in a mask to a column.
  virtual void count_kept(const float* mask, std::int64_t count, std::size_t column) = 0;
  // Masks of all candidates. What candidate c keeps of the parameters of limited layers is added to column
  // first_column + c column_step.
  virtual void mask_candidates(const std::vector<Candidates>& parameters, const Trials& trials, std::size_t first_column,
                               std::size_t column_step) = 0;
  // The masks of a sequence's last candidate become the parameters' own, masked (count) value times them.
  virtual void keep_last(const std::vector<Candidates>& parameters, const Trials& trials) = 0;
  // Candidate c keeps of each parameter what has a rank below counts[c, layer], in the device's memory.
  virtual void keep_ranked(const std::vector<Candidates>& parameters, const std::int32_t* counts, std::size_t candidates,
                           std::size_t layers) = 0;
  // labels[i]: a class drawn by the softmax of row i of logits (rows, classes), by the number uniforms[i] in [0, 1).
  virtual void draw_classes(const float* logits, std::int64_t rows, std::int64_t classes, const double* uniforms,
                            float* labels) = 0;
  // To be called before memory is given back that work recorded so far refers to.
  virtual void forget() = 0;
  // Waits, and returns the rows begun since the last call, one after another.
  virtual std::vector<double> read_rows() = 0;
};

}  // namespace olmp
