// Which of a net's losses counts most.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace olmp {

struct Objective {
  std::string layer;
  std::string scores;  // blob of the logits
  std::string labels;  // blob of the labels
  bool per_image = true;  // the loss is a mean over the batch, not a sum
};

// Of a NetGraph: the SoftmaxWithLoss with the largest weight, the last of equals. Throws Error("no-objective").
Objective objective(const nlohmann::json& graph);

}  // namespace olmp
