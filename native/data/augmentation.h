// Copies of an image shifted, turned and scaled by a little.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "engine/random.h"

namespace olmp {

// Augmentation of main/net/graph.ts.
struct Augmentation {
  int copies = 1;
  double clean_share = 0;  // of the copies, left as they are
  double shift = 0;        // pixels, each way
  double rotate = 0;       // degrees, each way
  double scale = 0;        // share, larger or smaller
};

// Throws Error("bad-argument").
Augmentation parse_augmentation(const nlohmann::json& json);

// One copy of an image of bytes (C, H, W): about its centre, bilinearly, the edge going on beyond the border. All draws
// are from `random`.
void augment(const Augmentation& augmentation, const std::array<int, 3>& shape, const std::uint8_t* from, Random& random,
             std::uint8_t* to);

}  // namespace olmp
