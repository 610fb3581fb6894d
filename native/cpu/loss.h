// What Caffe's losses share: class labels held as floats, ignored labels, and the normalisation of LossParameter.
#pragma once

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "engine/error.h"

namespace olmp {

// Probabilities below this count as this where their logarithm is taken (Caffe's kLOG_THRESHOLD).
inline constexpr float kLogThreshold = 1e-20f;

// The class a label entry names, or nothing where it is the ignored label. Caffe leaves labels unchecked in release
// builds and reads past the blob; here a label outside [0, classes) throws Error("bad-label").
inline std::optional<std::int64_t> read_label(float value, std::int64_t classes, const std::optional<int>& ignored,
                                              const std::string& layer) {
  constexpr float kIntRange = 2147483648.0f;
  if (value >= -kIntRange && value < kIntRange) {  // false for NaN, which no int can hold
    const int label = static_cast<int>(value);
    if (ignored && label == *ignored) return std::nullopt;
    if (label >= 0 && label < classes) return label;
  }
  throw Error("bad-label", "layer '" + layer + "': label " + std::to_string(value) + " is not one of the " +
                               std::to_string(classes) + " classes (0 to " + std::to_string(classes - 1) +
                               "); does the data belong to this net?");
}

// null where no label is ignored.
inline std::optional<int> read_ignore_label(const nlohmann::json& params) {
  const auto& label = params.at("ignore_label");
  return label.is_null() ? std::nullopt : std::optional<int>(label.get<int>());
}

// LossParameter.normalization: what a sum over (outer, inner) positions is divided by.
class Normalization {
 public:
  Normalization(const nlohmann::json& params, const std::string& layer) {
    const auto name = params.at("normalization").get<std::string>();
    if (name == "FULL") {
      mode_ = Mode::kFull;
    } else if (name == "VALID") {
      mode_ = Mode::kValid;
    } else if (name == "BATCH_SIZE") {
      mode_ = Mode::kBatchSize;
    } else if (name == "NONE") {
      mode_ = Mode::kNone;
    } else {
      throw Error("bad-parameter", "layer '" + layer + "': unknown normalization '" + name +
                                       "' (FULL, VALID, BATCH_SIZE and NONE are known)");
    }
  }

  // Whether the divisor depends on the number of valid positions.
  bool counts_valid() const { return mode_ == Mode::kValid; }

  // At least 1, so that a batch of ignored labels alone has loss 0 and not 0/0.
  float divisor(std::int64_t outer, std::int64_t inner, std::int64_t valid) const {
    std::int64_t positions = 1;
    if (mode_ == Mode::kFull) positions = outer * inner;
    if (mode_ == Mode::kValid) positions = valid;
    if (mode_ == Mode::kBatchSize) positions = outer;
    return static_cast<float>(std::max<std::int64_t>(1, positions));
  }

 private:
  enum class Mode { kFull, kValid, kBatchSize, kNone };
  Mode mode_ = Mode::kValid;
};

}  // namespace olmp
