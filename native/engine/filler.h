// Initial values of parameters and of DummyData blobs: Caffe's fillers (include/caffe/filler.hpp).
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "engine/random.h"
#include "engine/tensor.h"

namespace olmp {

// Filler of main/net/graph.ts.
struct Filler {
  std::string type = "constant";
  float value = 0;
  float min = 0;
  float max = 1;
  float mean = 0;
  float std = 1;
  int sparse = -1;
  std::string variance_norm = "FAN_IN";
};

void from_json(const nlohmann::json& json, Filler& filler);

// Fills host memory. Throws Error("unknown-filler") naming the type, Error("bad-filler") where the shape does not suit.
void fill(const Filler& filler, const Shape& shape, Random& random, float* values);

}  // namespace olmp
