#include "engine/objective.h"

#include <cmath>

#include "engine/error.h"

namespace olmp {

Objective objective(const nlohmann::json& graph) {
  Objective found;
  double largest = 0;
  for (const auto& layer : graph.at("layers")) {
    if (layer.at("type") != "SoftmaxWithLoss") continue;
    const double weight = std::abs(layer.at("loss_weights").at(0).get<double>());
    if (weight == 0 || weight < largest) continue;
    largest = weight;
    found = {layer.at("name"), layer.at("bottoms").at(0), layer.at("bottoms").at(1),
             layer.at("params").at("normalization") != "NONE"};
  }
  if (found.layer.empty()) {
    throw Error("no-objective", "the net has no SoftmaxWithLoss layer, by which its weights could be scored or taught");
  }
  return found;
}

}  // namespace olmp
