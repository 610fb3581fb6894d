#include "cpu/kernels/lane_gradient.h"

#include <algorithm>
#include <utility>

#include "cpu/kernels/choice.h"

namespace olmp::OLMP_ISA {
namespace {

constexpr int kLanes = Vector::kLanes;
// kSide * kSide accumulators and kSide + 1 operands fill the register file.
constexpr int kSide = kLanes == 16 ? 5 : 3;

std::int64_t scratch(std::int64_t points) { return kSide * points * kLanes; }

// One vector of an output's gradient, point by point, into neighbouring vectors.
void spread(const SparseProduct& p, int lanes, const float* dy, const std::int8_t* chosen, float* to) {
  if (chosen == nullptr) {
    for (std::int64_t point = 0; point < p.points(); ++point) Vector::load(dy + point * lanes).store(to + point * kLanes);
    return;
  }
  const std::int64_t at[4] = {0, kLanes, static_cast<std::int64_t>(p.width) * kLanes,
                              static_cast<std::int64_t>(p.width + 1) * kLanes};
  for (int row = 0; row < p.height; row += 2) {
    for (int column = 0; column < p.width; column += 2, dy += lanes, chosen += lanes) {
      const Vector gradient = Vector::load(dy);
      const Choice choice = Choice::load(chosen);
      float* corner = to + (static_cast<std::int64_t>(row) * p.width + column) * kLanes;
      for (int k = 0; k < 4; ++k) choice.where(k, gradient).store(corner + at[k]);
    }
  }
}

// Adds to dw the gradients of kOutputs x kOffsets weights over one vector of images. dy holds the outputs' gradients one after
// another.
template <int kOutputs, int kOffsets>
void tile(const SparseProduct& p, int lanes, const float* x, const std::int32_t* offsets, const float* dy, bool add, float* dw,
          std::int64_t dw_stride) {
  Vector sum[kOutputs * kOffsets];
  for (Vector& s : sum) s = Vector::zero();
  const float* from[kOffsets];
  for (int d = 0; d < kOffsets; ++d) from[d] = x + static_cast<std::int64_t>(offsets[d]) * lanes;
  const std::int64_t plane = p.points() * kLanes;
  for (int row = 0; row < p.height; ++row) {
    std::int64_t at = row * p.row_step * lanes;
    for (int column = 0; column < p.width; ++column, at += p.column_step * lanes, dy += kLanes) {
      Vector g[kOutputs];
      for (int o = 0; o < kOutputs; ++o) g[o] = Vector::load(dy + o * plane);
      for (int d = 0; d < kOffsets; ++d) {
        const Vector operand = Vector::load(from[d] + at);
        for (int o = 0; o < kOutputs; ++o) sum[o * kOffsets + d] = fma(g[o], operand, sum[o * kOffsets + d]);
      }
    }
  }
  for (int first = 0; first < kOutputs * kOffsets; first += kLanes) {
    Vector rows[kLanes];
    for (int i = 0; i < kLanes; ++i) rows[i] = first + i < kOutputs * kOffsets ? sum[first + i] : Vector::zero();
    float totals[kLanes];
    sums(rows).store(totals);
    for (int i = 0; i < kLanes && first + i < kOutputs * kOffsets; ++i) {
      float& to = dw[(first + i) / kOffsets * dw_stride + (first + i) % kOffsets];
      to = add ? to + totals[i] : totals[i];
    }
  }
}

using Tile = void (*)(const SparseProduct&, int, const float*, const std::int32_t*, const float*, bool, float*, std::int64_t);

template <int kOutputs, int... kOffsets>
constexpr Tile tile_of(std::int64_t offsets, std::integer_sequence<int, kOffsets...>) {
  constexpr Tile table[] = {tile<kOutputs, kOffsets + 1>...};
  return table[offsets - 1];
}

template <int... kOutputs>
Tile tile_for(std::int64_t outputs, std::int64_t offsets, std::integer_sequence<int, kOutputs...>) {
  using Side = std::make_integer_sequence<int, kSide>;
  const Tile table[] = {tile_of<kOutputs + 1>(offsets, Side{})...};
  return table[outputs - 1];
}

void weights(const LaneGradient& g, int lanes, const float* x, const float* dy, const std::int8_t* chosen, float* scratch,
             float* dw) {
  using Side = std::make_integer_sequence<int, kSide>;
  const SparseProduct& p = g.product;
  const std::int64_t dy_points = chosen == nullptr ? p.points() : p.points() / 4;
  for (int vector = 0; vector < lanes; vector += kLanes) {
    for (std::int64_t o = 0; o < g.output_count; o += kSide) {
      const std::int64_t outputs = std::min<std::int64_t>(kSide, g.output_count - o);
      for (std::int64_t i = 0; i < outputs; ++i) {
        const std::int64_t from = g.outputs[o + i] * dy_points * lanes + vector;
        spread(p, lanes, dy + from, chosen == nullptr ? nullptr : chosen + from, scratch + i * p.points() * kLanes);
      }
      for (std::int64_t d = 0; d < g.offset_count; d += kSide) {
        const std::int64_t offsets = std::min<std::int64_t>(kSide, g.offset_count - d);
        tile_for(outputs, offsets, Side{})(p, lanes, x + vector, g.offsets + d, scratch, vector > 0,
                                           dw + o * g.offset_count + d, g.offset_count);
      }
    }
  }
}

}  // namespace

const LaneGradientKernels& lane_gradient_kernels() {
  static const LaneGradientKernels table{scratch, weights};
  return table;
}

}  // namespace olmp::OLMP_ISA
