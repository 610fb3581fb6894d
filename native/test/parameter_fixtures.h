// Layer descriptions with parameters, for tests that need no net.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace olmp::test {

// A layer of main/net/graph.ts, as far as ParameterStore reads it.
inline nlohmann::json layer_json(const std::string& name, const std::vector<Shape>& shapes, float lr_mult = 1,
                                 float decay_mult = 1, const std::string& filler = "constant") {
  nlohmann::json parameters = nlohmann::json::array();
  for (const Shape& shape : shapes) {
    parameters.push_back({{"name", ""},
                          {"shape", shape},
                          {"lr_mult", lr_mult},
                          {"decay_mult", decay_mult},
                          {"filler",
                           {{"type", filler},
                            {"value", 0},
                            {"min", -1},
                            {"max", 1},
                            {"mean", 0},
                            {"std", 1},
                            {"sparse", -1},
                            {"variance_norm", "FAN_IN"}}}});
  }
  return {{"name", name}, {"parameters", parameters}};
}

}  // namespace olmp::test
