#include "cpu/kernels/batch_gradient.h"

#include <algorithm>
#include <utility>

#include "cpu/kernels/vector.h"

namespace olmp::OLMP_ISA {
namespace {

constexpr int kLanes = Vector::kLanes;
// A tile's kSide * kSide accumulators and kSide + 1 operands fit the register file.
constexpr int kSide = kLanes == 16 ? 5 : 3;
// Tiles that read the same part of dy before the next part is turned to.
constexpr int kTiles = 8;
constexpr int kGroup = kTiles * kSide;
// Vectors of dy in such a part: with what is read of x, and the sums, they stay in the first-level cache.
constexpr int kPart = 320;

// Adds the lanes of each of `count` vectors: to[i] = beta * to[i] + sum.
void add_sums(const Vector* vectors, int count, float beta, float* to) {
  for (int first = 0; first < count; first += kLanes) {
    const int n = std::min(kLanes, count - first);
    Vector block[kLanes];
    for (int i = 0; i < kLanes; ++i) block[i] = i < n ? vectors[first + i] : Vector::zero();
    Vector sum = sums(block);
    if (beta != 0) sum = sum + Vector::load(to + first, n);
    sum.store(to + first, n);
  }
}

// Points that follow one another in dy: `outer` times `inner`, and how far apart they are in x.
struct Walk {
  int outer;
  std::int64_t outer_step;
  int inner;
  std::int64_t inner_step;
};

// sum (output, depth), kGroup a row, += dy * x over the points, lanes being images. A point of dy has `dy_step` floats.
template <int kOutputs, int kDepth>
void add_products(const Walk& walk, const float* x, const std::int32_t* offsets, const float* dy, std::int64_t dy_step,
                  Vector* sum) {
  Vector s[kOutputs][kDepth];
  for (int o = 0; o < kOutputs; ++o) {
    for (int d = 0; d < kDepth; ++d) s[o][d] = sum[o * kGroup + d];
  }
  const float* operand[kDepth];
  for (int d = 0; d < kDepth; ++d) operand[d] = x + offsets[d];
  // There is a point: loops that test at their end leave the sums in registers.
  int outer = 0;
  do {
    std::int64_t at = outer * walk.outer_step;
    int left = walk.inner;
    do {
      Vector g[kOutputs];
      for (int o = 0; o < kOutputs; ++o) g[o] = Vector::load(dy + o * kLanes);
      for (int d = 0; d < kDepth; ++d) {
        const Vector value = Vector::load(operand[d] + at);
        for (int o = 0; o < kOutputs; ++o) s[o][d] = fma(g[o], value, s[o][d]);
      }
      at += walk.inner_step;
      dy += dy_step;
    } while (--left > 0);
  } while (++outer < walk.outer);
  for (int o = 0; o < kOutputs; ++o) {
    for (int d = 0; d < kDepth; ++d) sum[o * kGroup + d] = s[o][d];
  }
}

using Products = void (*)(const Walk&, const float*, const std::int32_t*, const float*, std::int64_t, Vector*);

template <int... kIndex>
Products products_for(int outputs, int depth, std::integer_sequence<int, kIndex...>) {
  static constexpr Products table[] = {add_products<kIndex / kSide + 1, kIndex % kSide + 1>...};
  return table[(outputs - 1) * kSide + depth - 1];
}

}  // namespace

// Channels are taken one by one and the taps of a channel together, kernel row by kernel row, so that what the tiles read
// of x overlaps.
void backward_weights(const BatchConvolution& c, int vectors, const float* x, const float* dy, float beta,
                      float* /*scratch*/, float* dw) {
  const int depth = c.channels * c.taps();
  const std::int64_t x_line = static_cast<std::int64_t>(c.stride[0]) * c.padded(1) * kLanes;
  const std::int64_t x_vector = c.x_size() * kLanes;
  const std::int64_t dy_step = static_cast<std::int64_t>(c.outputs) * kLanes;
  // Columns one point wide are walked down, several vectors in a part.
  const bool columns = c.output[1] == 1;
  Walk walk = columns ? Walk{vectors, x_vector, c.output[0], x_line}
                      : Walk{c.output[0], x_line, c.output[1], static_cast<std::int64_t>(c.stride[1]) * kLanes};
  const int repeats = columns ? 1 : vectors;
  const int lines = walk.outer;
  const int part = std::clamp(kPart / (kSide * walk.inner), 1, lines);
  Vector sum[kSide][kGroup];
  for (int o = 0; o < c.outputs; o += kSide) {
    const int outputs = std::min(kSide, c.outputs - o);
    for (int first = 0; first < depth; first += kGroup) {
      const int end = std::min(first + kGroup, depth);
      for (auto& of_output : sum) std::fill(of_output, of_output + kGroup, Vector::zero());
      for (int v = 0; v < repeats; ++v) {
        for (int line = 0; line < lines; line += part) {
          walk.outer = std::min(part, lines - line);
          const float* part_x = x + v * x_vector + line * walk.outer_step;
          const float* part_dy = dy + (static_cast<std::int64_t>(v) * lines + line) * walk.inner * dy_step + o * kLanes;
          for (int d = first; d < end; d += kSide) {
            products_for(outputs, std::min(kSide, end - d), std::make_integer_sequence<int, kSide * kSide>{})(
                walk, part_x, c.offsets + d, part_dy, dy_step, &sum[0][d - first]);
          }
        }
      }
      for (int i = 0; i < outputs; ++i) {
        add_sums(sum[i], end - first, beta, dw + static_cast<std::int64_t>(o + i) * depth + first);
      }
    }
  }
}

void backward_bias(const BatchConvolution& c, int vectors, const float* dy, float* db) {
  // A vector's points follow the last one's.
  const std::int64_t points = static_cast<std::int64_t>(c.output[0]) * c.output[1] * vectors;
  for (int first = 0; first < c.outputs; first += kLanes) {
    const int n = std::min(kLanes, c.outputs - first);
    Vector sum[kLanes];
    for (Vector& s : sum) s = Vector::zero();
    for (std::int64_t point = 0; point < points; ++point) {
      const float* from = dy + (point * c.outputs + first) * kLanes;
      for (int o = 0; o < n; ++o) sum[o] = sum[o] + Vector::load(from + o * kLanes);
    }
    add_sums(sum, n, 1, db + first);
  }
}

}  // namespace olmp::OLMP_ISA
