#include "cpu/lane_net.h"

#include <algorithm>

#include "cpu/kernels/kernels.h"
#include "cpu/kernels/lane_gradient.h"
#include "cpu/kernels/lanes.h"

namespace olmp {

LaneBlock::LaneBlock(const LaneNet& net, int images, bool gradients) : images_(images) {
  const int vector = cpu_sparse_kernels().lanes;
  lanes_ = (images + vector - 1) / vector * vector;
  const std::string what = "the blobs of " + std::to_string(images) + " images";
  for (const LaneNet::Slot& slot : net.slots_) {
    Slot own;
    own.floats = slot.points * lanes_;
    own.data = allocate_host(own.floats, what);
    if (gradients && slot.has_diff) own.diff = allocate_host(own.floats, what);
    if (slot.marks == LaneNet::Marks::kCorners) own.corners.resize(static_cast<std::size_t>(own.floats));
    if (slot.marks == LaneNet::Marks::kPlaces) own.places.resize(static_cast<std::size_t>(own.floats));
    slots_.push_back(std::move(own));
  }
}

void LaneBlock::turn(const float* x, std::int64_t images, std::int64_t points, float* to, std::int64_t lanes) {
  cpu_kernels().transpose(x, points, images, points, to, lanes);
}

void LaneBlock::load(const float* x) {
  Slot& input = slots_.front();
  turn(x, images_, input.floats / lanes_, input.data.get(), lanes_);
}

std::int64_t LaneBlock::memory_bytes() const {
  std::int64_t bytes = 0;
  for (const Slot& slot : slots_) {
    const std::int64_t copies = slot.diff == nullptr ? 1 : 2;
    bytes += copies * slot.floats * static_cast<std::int64_t>(sizeof(float));
    bytes += static_cast<std::int64_t>(slot.corners.size() + slot.places.size() * sizeof(std::int32_t));
  }
  return bytes;
}

template <typename Body>
void LaneProduct::for_inside(const Body& body) const {
  const auto& [slot, channels, input, pad] = padding_;
  std::int64_t point = 0;
  for (std::int64_t channel = 0; channel < channels; ++channel) {
    for (std::int64_t row = 0; row < input[0]; ++row) {
      const std::int64_t line = (channel * (input[0] + 2 * pad[0]) + row + pad[0]) * (input[1] + 2 * pad[1]) + pad[1];
      body(line, point, static_cast<std::int64_t>(input[1]));
      point += input[1];
    }
  }
}

void LaneProduct::forward(LaneBlock& block, const std::vector<LaneWeights>& weights) const {
  const LaneWeights& own = weights[index()];
  const SparseKernels& kernels = cpu_sparse_kernels();
  const std::int64_t lanes = block.lanes();
  if (padding_.slot >= 0) {
    const float* from = block.data(from_);
    float* to = block.data(padding_.slot);
    for_inside([&](std::int64_t padded, std::int64_t point, std::int64_t points) {
      std::copy(from + point * lanes, from + (point + points) * lanes, to + padded * lanes);
    });
  }
  const float* x = block.data(input_slot());
  if (pooled_) {
    kernels.forward_max(own.product, block.range(), x, own.bias, block.data(to_), block.corners(to_));
  } else {
    kernels.forward(own.product, block.range(), x, own.bias, block.data(to_));
  }
}

void LaneProduct::backward(LaneBlock& block, const std::vector<LaneWeights>& weights) const {
  const SparseKernels& kernels = cpu_sparse_kernels();
  const std::int64_t lanes = block.lanes();
  float* dx = block.diff(input_slot());
  kernels.clear(points_, block.range(), dx);
  kernels.backward_data(weights[index()].product, block.range(), block.diff(to_), corners(block), dx);
  if (padding_.slot < 0) return;
  float* to = block.diff(from_);
  for_inside([&](std::int64_t padded, std::int64_t point, std::int64_t points) {
    std::copy(dx + padded * lanes, dx + (padded + points) * lanes, to + point * lanes);
  });
}

void LaneProduct::weight_gradients(LaneBlock& block, const SparseProduct& list, bool squared, float* dw) const {
  const SparseKernels& kernels = cpu_sparse_kernels();
  const auto work = squared ? kernels.squared_weights : kernels.backward_weights;
  work(list, block.range(), block.data(input_slot()), block.diff(to_), corners(block), dw);
}

void LaneProduct::part_gradients(LaneBlock& block, const SparseWeights& weights, const SparseWeights::Part& part,
                                 float* scratch, float* dw) const {
  const LaneGradient gradient{weights.product(), part.outputs.data(), static_cast<std::int64_t>(part.outputs.size()),
                              part.offsets.data(), static_cast<std::int64_t>(part.offsets.size())};
  cpu_lane_gradient_kernels().weights(gradient, block.lanes(), block.data(input_slot()), block.diff(to_), corners(block),
                                      scratch, dw);
}

void LaneProduct::bias_gradients(LaneBlock& block, const SparseProduct& list, const std::vector<std::int32_t>& outputs,
                                 bool squared, float* db) const {
  const SparseKernels& kernels = cpu_sparse_kernels();
  const auto work = squared ? kernels.squared_bias : kernels.backward_bias;
  const std::int64_t points = list.points() / (pooled_ ? 4 : 1);
  work(outputs.data(), static_cast<std::int64_t>(outputs.size()), points, block.range(), block.diff(to_), db);
}

}  // namespace olmp
