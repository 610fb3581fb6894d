// Layers whose gradients gradient_check_test.cpp compares with finite differences: a table, one row per case.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace olmp {

struct GradientCase {
  std::string name;
  std::string type;
  nlohmann::json params;  // LayerParams[type] of main/net/graph.ts
  std::vector<Shape> bottoms;
  std::vector<Shape> tops;
  std::vector<Shape> parameters{};
  // Not empty: the layer is a loss, and its weighted loss is differentiated. Otherwise a random weighting of all tops is.
  std::vector<float> loss_weights{};
  // Bottoms and parameters hold evenly spaced numbers in (low, high), shuffled: no ties, none within half a step of 0.
  float low = -1;
  float high = 1;
  // Where set, gives the values of bottoms instead (labels, probabilities): (bottom, index) -> value.
  std::function<float(std::size_t, std::size_t)> value{};
  // Bottoms to check; empty: all that the net propagates to. A bottom named here that has no gradient fails.
  std::vector<std::size_t> checked{};
  bool in_place = false;  // top 0 is bottom 0
  std::string phase = "TRAIN";
  double step = 4e-3;
  double tolerance = 5e-3;  // of max(1, |gradient|)
};

void add_heavy_gradient_cases(std::vector<GradientCase>& cases);
void add_light_gradient_cases(std::vector<GradientCase>& cases);

}  // namespace olmp
