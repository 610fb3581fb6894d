#include "cpu/kernels/batch_convolution.h"

#include <algorithm>
#include <utility>

#include "cpu/kernels/batch_maxima.h"
#include "cpu/kernels/vector.h"

namespace olmp::OLMP_ISA {
namespace {

constexpr int kLanes = Vector::kLanes;
constexpr int kVectors = 2;  // per chunk, where full
// Register tiles: kMaxRows * kVectors accumulators, kVectors loads and a broadcast fit the register file (32 or 16).
constexpr int kMaxRows = kLanes == 16 ? 12 : 6;
// Weight gradient: kSide * kSide accumulators and kSide + 1 operands.
constexpr int kSide = kLanes == 16 ? 5 : 3;

// Rows per tile: as even a split as possible.
int tile_rows(int rows) {
  const int tiles = (rows + kMaxRows - 1) / kMaxRows;
  return (rows + tiles - 1) / tiles;
}

int tile_count(int rows) { return (rows + tile_rows(rows) - 1) / tile_rows(rows); }

std::int64_t packed_size(int rows, int taps, int depth) {
  return static_cast<std::int64_t>(tile_count(rows)) * tile_rows(rows) * taps * depth;
}

// weight(row, tap, d) -> packed[tile][tap][d][row in tile], rows beyond the last being 0
template <typename Weight>
void pack_rows(int rows, int taps, int depth, float* packed, const Weight& weight) {
  const int height = tile_rows(rows);
  for (int first = 0; first < rows; first += height) {
    for (int tap = 0; tap < taps; ++tap) {
      for (int d = 0; d < depth; ++d) {
        for (int row = first; row < first + height; ++row) *packed++ = row < rows ? weight(row, tap, d) : 0.0F;
      }
    }
  }
}

void pack_forward(const BatchConvolution& c, const float* weights, float* packed) {
  const int taps = c.taps();
  pack_rows(c.outputs, taps, c.channels, packed, [&](int output, int tap, int channel) {
    return weights[(static_cast<std::int64_t>(output) * c.channels + channel) * taps + tap];
  });
}

void pack_backward(const BatchConvolution& c, const float* weights, float* packed) {
  const int taps = c.taps();
  pack_rows(c.channels, taps, c.outputs, packed, [&](int channel, int tap, int output) {
    return weights[(static_cast<std::int64_t>(output) * c.channels + channel) * taps + tap];
  });
}

void gather(const float* from, std::int64_t image_stride, int images, int vectors, int planes, const int size[2],
            const int pad[2], float* to) {
  const int width = size[1];
  const int points = size[0] * width;
  const int padded_width = width + 2 * pad[1];
  const std::int64_t vector_stride = static_cast<std::int64_t>(size[0] + 2 * pad[0]) * padded_width * planes * kLanes;
  for (int first = 0; first < vectors * kLanes; first += kLanes, to += vector_stride) {
    for (int plane = 0; plane < planes; ++plane) {
      int row = 0;
      int column = 0;
      for (int point = 0; point < points; point += kLanes) {
        const int n = std::min(kLanes, points - point);
        Vector block[kLanes];
        for (int i = 0; i < kLanes; ++i) {
          const float* source = from + (first + i) * image_stride + static_cast<std::int64_t>(plane) * points + point;
          block[i] = first + i < images ? Vector::load(source, n) : Vector::zero();
        }
        transpose(block);
        for (int i = 0; i < n; ++i) {
          const std::int64_t padded = static_cast<std::int64_t>(row + pad[0]) * padded_width + column + pad[1];
          block[i].store(to + (padded * planes + plane) * kLanes);
          if (++column == width) {
            column = 0;
            ++row;
          }
        }
      }
    }
  }
}

void scatter(const float* from, int planes, std::int64_t points, float* to, std::int64_t image_stride, int images) {
  for (int first = 0; first < images; first += kLanes, from += points * planes * kLanes) {
    for (int plane = 0; plane < planes; ++plane) {
      for (std::int64_t point = 0; point < points; point += kLanes) {
        const int n = static_cast<int>(std::min<std::int64_t>(kLanes, points - point));
        Vector block[kLanes];
        for (int i = 0; i < kLanes; ++i) {
          block[i] = i < n ? Vector::load(from + ((point + i) * planes + plane) * kLanes) : Vector::zero();
        }
        transpose(block);
        for (int i = 0; i < kLanes && first + i < images; ++i) {
          block[i].store(to + (first + i) * image_stride + plane * points + point, n);
        }
      }
    }
  }
}

// kRows x kVecs accumulators over the images of a chunk.
template <int kRows, int kVecs>
struct Tile {
  Vector sum[kRows][kVecs];

  void clear() {
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < kVecs; ++v) sum[r][v] = Vector::zero();
    }
  }

  // sum += weights (kRows) x values (lanes), a vector's values `stride` after the last one's.
  void multiply(const float* weights, const float* values, std::int64_t stride) {
    Vector value[kVecs];
    for (int v = 0; v < kVecs; ++v) value[v] = Vector::load(values + v * stride);
    for (int r = 0; r < kRows; ++r) {
      const Vector weight = Vector::broadcast(weights[r]);
      for (int v = 0; v < kVecs; ++v) sum[r][v] = fma(weight, value[v], sum[r][v]);
    }
  }

  void store(float* to, std::int64_t stride, int rows) const {
    for (int r = 0; r < rows && r < kRows; ++r) {
      for (int v = 0; v < kVecs; ++v) sum[r][v].store(to + v * stride + r * kLanes);
    }
  }
};

template <int kRows, int kVecs>
void forward_tiles(const BatchConvolution& c, const float* x, const float* packed, const float* bias, float* y) {
  const std::int64_t x_stride = c.x_size() * kLanes;
  const std::int64_t y_stride = c.y_size() * kLanes;
  const std::int64_t column = static_cast<std::int64_t>(c.channels) * kLanes;
  const std::int64_t line = column * c.padded(1);
  const int depth = c.taps() * c.channels;
  for (int oy = 0; oy < c.output[0]; ++oy) {
    for (int ox = 0; ox < c.output[1]; ++ox, y += static_cast<std::int64_t>(c.outputs) * kLanes) {
      const float* corner = x + oy * c.stride[0] * line + ox * c.stride[1] * column;
      const float* weights = packed;
      for (int first = 0; first < c.outputs; first += kRows) {
        const int rows = std::min(kRows, c.outputs - first);
        Tile<kRows, kVecs> tile;
        tile.clear();
        if (bias != nullptr) {
          for (int r = 0; r < rows; ++r) {
            for (int v = 0; v < kVecs; ++v) tile.sum[r][v] = Vector::broadcast(bias[first + r]);
          }
        }
        for (int d = 0; d < depth; ++d, weights += kRows) tile.multiply(weights, corner + c.offsets[d], x_stride);
        tile.store(y + static_cast<std::int64_t>(first) * kLanes, y_stride, rows);
      }
    }
  }
}

// The output position that tap k of an axis reads from input position i, or -1.
int source_of(const BatchConvolution& c, int axis, int i, int k) {
  const int at = i + c.pad[axis] - k * c.dilation[axis];
  if (at < 0 || at % c.stride[axis] != 0) return -1;
  const int position = at / c.stride[axis];
  return position < c.output[axis] ? position : -1;
}

template <int kRows, int kVecs>
void backward_data_tiles(const BatchConvolution& c, const float* dy, const float* packed, float* dx) {
  const std::int64_t dx_stride = static_cast<std::int64_t>(c.input[0]) * c.input[1] * c.channels * kLanes;
  const std::int64_t dy_stride = c.y_size() * kLanes;
  const std::int64_t point = static_cast<std::int64_t>(c.outputs) * kLanes;
  const std::int64_t tap_weights = static_cast<std::int64_t>(c.outputs) * kRows;
  for (int iy = 0; iy < c.input[0]; ++iy) {
    for (int ix = 0; ix < c.input[1]; ++ix, dx += static_cast<std::int64_t>(c.channels) * kLanes) {
      for (int first = 0; first < c.channels; first += kRows) {
        const float* weights = packed + first / kRows * tap_weights * c.taps();
        Tile<kRows, kVecs> tile;
        tile.clear();
        for (int ky = 0; ky < c.kernel[0]; ++ky) {
          const int oy = source_of(c, 0, iy, ky);
          if (oy < 0) continue;
          for (int kx = 0; kx < c.kernel[1]; ++kx) {
            const int ox = source_of(c, 1, ix, kx);
            if (ox < 0) continue;
            const float* tap = weights + (ky * c.kernel[1] + kx) * tap_weights;
            const float* from = dy + (static_cast<std::int64_t>(oy) * c.output[1] + ox) * point;
            for (int o = 0; o < c.outputs; ++o, tap += kRows, from += kLanes) tile.multiply(tap, from, dy_stride);
          }
        }
        tile.store(dx + static_cast<std::int64_t>(first) * kLanes, dx_stride, std::min(kRows, c.channels - first));
      }
    }
  }
}

using Tiles = void (*)(const BatchConvolution&, const float*, const float*, const float*, float*);
using DataTiles = void (*)(const BatchConvolution&, const float*, const float*, float*);

template <int kVecs, int... kRows>
Tiles forward_for(int rows, std::integer_sequence<int, kRows...>) {
  static constexpr Tiles table[] = {forward_tiles<kRows + 1, kVecs>...};
  return table[rows - 1];
}

template <int kVecs, int... kRows>
DataTiles backward_data_for(int rows, std::integer_sequence<int, kRows...>) {
  static constexpr DataTiles table[] = {backward_data_tiles<kRows + 1, kVecs>...};
  return table[rows - 1];
}

using Rows = std::make_integer_sequence<int, kMaxRows>;

void forward(const BatchConvolution& c, int vectors, const float* x, const float* packed, const float* bias, float* y) {
  const int rows = tile_rows(c.outputs);
  const Tiles tiles = vectors == 1 ? forward_for<1>(rows, Rows{}) : forward_for<kVectors>(rows, Rows{});
  tiles(c, x, packed, bias, y);
}

void backward_data(const BatchConvolution& c, int vectors, const float* dy, const float* packed, float* dx) {
  const int rows = tile_rows(c.channels);
  const DataTiles tiles = vectors == 1 ? backward_data_for<1>(rows, Rows{}) : backward_data_for<kVectors>(rows, Rows{});
  tiles(c, dy, packed, dx);
}

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

// kOutputs x kDepth products of dy and x summed over the points of one vector, lanes being images.
template <int kOutputs, int kDepth>
void weight_tile(const BatchConvolution& c, const float* x, const std::int64_t* offsets, const float* dy, float beta,
                 float* dw, std::int64_t dw_stride) {
  Vector sum[kOutputs * kDepth];
  for (Vector& s : sum) s = Vector::zero();
  const std::int64_t column = static_cast<std::int64_t>(c.channels) * kLanes;
  const std::int64_t step_x = column * c.stride[1];
  const std::int64_t step_y = static_cast<std::int64_t>(c.outputs) * kLanes;
  for (int oy = 0; oy < c.output[0]; ++oy) {
    const float* value = x + oy * c.stride[0] * column * c.padded(1);
    for (int ox = 0; ox < c.output[1]; ++ox, value += step_x, dy += step_y) {
      Vector g[kOutputs];
      for (int o = 0; o < kOutputs; ++o) g[o] = Vector::load(dy + o * kLanes);
      for (int d = 0; d < kDepth; ++d) {
        const Vector operand = Vector::load(value + offsets[d]);
        for (int o = 0; o < kOutputs; ++o) sum[o * kDepth + d] = fma(g[o], operand, sum[o * kDepth + d]);
      }
    }
  }
  float total[kOutputs * kDepth];
  add_sums(sum, kOutputs * kDepth, 0, total);
  for (int o = 0; o < kOutputs; ++o) {
    for (int d = 0; d < kDepth; ++d) {
      float& to = dw[o * dw_stride + d];
      to = beta == 0 ? total[o * kDepth + d] : to + total[o * kDepth + d];
    }
  }
}

using WeightTile = void (*)(const BatchConvolution&, const float*, const std::int64_t*, const float*, float, float*, std::int64_t);

template <int kOutputs, int... kDepth>
constexpr WeightTile weight_tile_of(int depth, std::integer_sequence<int, kDepth...>) {
  constexpr WeightTile table[] = {weight_tile<kOutputs, kDepth + 1>...};
  return table[depth - 1];
}

template <int... kOutputs>
WeightTile weight_tile_for(int outputs, int depth, std::integer_sequence<int, kOutputs...>) {
  using Side = std::make_integer_sequence<int, kSide>;
  const WeightTile table[] = {weight_tile_of<kOutputs + 1>(depth, Side{})...};
  return table[outputs - 1];
}

// Channels are taken one by one and the taps of a channel together, kernel row by kernel row, so that the operands of a
// tile are neighbours; with those of one vector they stay in the first-level cache.
void backward_weights(const BatchConvolution& c, int vectors, const float* x, const float* dy, float beta, float* dw) {
  using Side = std::make_integer_sequence<int, kSide>;
  const int depth = c.channels * c.taps();
  for (int v = 0; v < vectors; ++v, x += c.x_size() * kLanes, dy += c.y_size() * kLanes, beta = 1) {
    for (int o = 0; o < c.outputs; o += kSide) {
      const int outputs = std::min(kSide, c.outputs - o);
      int channel = 0;
      int tap = 0;
      for (int first = 0; first < depth; first += kSide) {
        const int n = std::min(kSide, depth - first);
        std::int64_t offsets[kSide] = {};
        for (int i = 0; i < n; ++i) {
          offsets[i] = c.offsets[tap * c.channels + channel];
          if (++tap == c.taps()) {
            tap = 0;
            ++channel;
          }
        }
        weight_tile_for(outputs, n, Side{})(c, x, offsets, dy + static_cast<std::int64_t>(o) * kLanes, beta,
                                            dw + static_cast<std::int64_t>(o) * depth + first, depth);
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

}  // namespace

const BatchConvolutionKernels& batch_convolution_kernels() {
  static const BatchConvolutionKernels kernels{kLanes,        kVectors, packed_size, pack_forward,  pack_backward,
                                               gather,        scatter,  forward,     backward_data, backward_weights,
                                               backward_bias, maxima,   maxima_gradient};
  return kernels;
}

}  // namespace olmp::OLMP_ISA
