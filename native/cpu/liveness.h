// Which gradients of a chain are zero whatever the images: its masks alone tell.
#pragma once

#include <vector>

#include "cpu/lane_net.h"

namespace olmp {

struct Liveness {
  // By output of a product: some kept weight, and so the loss, hears it. Where none does its gradient is zero.
  std::vector<bool> heard;
  // By input channel of a product, and by output: it may be other than zero.
  std::vector<bool> sounding;
  std::vector<bool> speaking;
};

inline bool operator==(const Liveness& a, const Liveness& b) { return a.heard == b.heard && a.sounding == b.sounding; }

// Of each product of the chain: `lists` are of its kept weights, `biases[p]` tells which outputs keep a bias.
void find_liveness(const std::vector<LaneNet::Product>& products, const std::vector<const SparseWeights*>& lists,
                   const std::vector<std::vector<bool>>& biases, std::vector<Liveness>& result);

}  // namespace olmp
