#include "cpu/kernels/batch_convolution.h"

#include <algorithm>
#include <utility>

#include "cpu/kernels/batch_gradient.h"
#include "cpu/kernels/batch_maxima.h"
#include "cpu/kernels/vector.h"

namespace olmp::OLMP_ISA {
namespace {

constexpr int kLanes = Vector::kLanes;
constexpr int kVectors = 2;  // per chunk, where full
// Register tiles: kMaxRows * kVectors accumulators, kVectors loads and a broadcast fit the register file (32 or 16).
constexpr int kMaxRows = kLanes == 16 ? 12 : 6;

// Rows per tile: as even a split as possible.
int tile_rows(int rows) {
  const int tiles = (rows + kMaxRows - 1) / kMaxRows;
  return (rows + tiles - 1) / tiles;
}

int tile_count(int rows) { return (rows + tile_rows(rows) - 1) / tile_rows(rows); }

std::int64_t packed_size(int rows, int depth) {
  return static_cast<std::int64_t>(tile_count(rows)) * tile_rows(rows) * depth;
}

BatchLayout layout(const BatchConvolution& c) {
  BatchLayout result;
  result.x = c.x_size();
  result.x_line = c.padded(1);
  result.forward_weights = packed_size(c.outputs, c.channels * c.taps());
  result.backward_weights = packed_size(c.channels, c.outputs * c.taps());
  return result;
}

std::vector<std::int32_t> offsets(const BatchConvolution& c) {
  std::vector<std::int32_t> result;
  for (int channel = 0; channel < c.channels; ++channel) {
    for (int tap = 0; tap < c.taps(); ++tap) {
      const int row = channel * c.padded(0) + tap / c.kernel[1] * c.dilation[0];
      result.push_back((row * c.padded(1) + tap % c.kernel[1] * c.dilation[1]) * kLanes);
    }
  }
  return result;
}

// weight(row, o, i) -> packed[tile][o][i][row in tile], rows beyond the last being 0
template <typename Weight>
void pack_rows(int rows, int outer, int inner, float* packed, const Weight& weight) {
  const int height = tile_rows(rows);
  for (int first = 0; first < rows; first += height) {
    for (int o = 0; o < outer; ++o) {
      for (int i = 0; i < inner; ++i) {
        for (int row = first; row < first + height; ++row) *packed++ = row < rows ? weight(row, o, i) : 0.0F;
      }
    }
  }
}

void pack_forward(const BatchConvolution& c, const float* weights, float* /*scratch*/, float* packed) {
  const int taps = c.taps();
  pack_rows(c.outputs, c.channels, taps, packed, [&](int output, int channel, int tap) {
    return weights[(static_cast<std::int64_t>(output) * c.channels + channel) * taps + tap];
  });
}

void pack_backward(const BatchConvolution& c, const float* weights, float* /*scratch*/, float* packed) {
  const int taps = c.taps();
  pack_rows(c.channels, taps, c.outputs, packed, [&](int channel, int tap, int output) {
    return weights[(static_cast<std::int64_t>(output) * c.channels + channel) * taps + tap];
  });
}

// Planes of points, `width` a row, to where the point (row, column) of a plane is `line` * row + `step` * column after the
// plane's first, and planes `plane_stride` apart.
struct Spread {
  int width;
  std::int64_t line;
  std::int64_t step;
  std::int64_t plane_stride;
};

void gather(const float* from, std::int64_t image_stride, int images, int planes, std::int64_t points,
            const Spread& spread, float* to) {
  for (int plane = 0; plane < planes; ++plane, from += points, to += spread.plane_stride) {
    std::int64_t line = 0;
    int column = 0;
    for (std::int64_t point = 0; point < points; point += kLanes) {
      const int n = static_cast<int>(std::min<std::int64_t>(kLanes, points - point));
      Vector block[kLanes];
      for (int i = 0; i < kLanes; ++i) {
        block[i] = i < images ? Vector::load(from + i * image_stride + point, n) : Vector::zero();
      }
      transpose(block);
      for (int i = 0; i < n; ++i) {
        block[i].store(to + line + column * spread.step);
        if (++column == spread.width) {
          column = 0;
          line += spread.line;
        }
      }
    }
  }
}

void gather_x(const BatchConvolution& c, const float* from, std::int64_t image_stride, int images, int vectors,
              float* /*scratch*/, float* to) {
  const std::int64_t line = static_cast<std::int64_t>(c.padded(1)) * kLanes;
  const Spread spread{c.input[1], line, kLanes, line * c.padded(0)};
  to += c.pad[0] * line + c.pad[1] * kLanes;
  for (int v = 0; v < vectors; ++v, from += image_stride * kLanes, images -= kLanes, to += c.x_size() * kLanes) {
    gather(from, image_stride, images, c.channels, static_cast<std::int64_t>(c.input[0]) * c.input[1], spread, to);
  }
}

void gather_y(const float* from, std::int64_t image_stride, int images, int vectors, int planes, std::int64_t points,
              float* to) {
  const std::int64_t step = static_cast<std::int64_t>(planes) * kLanes;
  const Spread spread{static_cast<int>(points), 0, step, kLanes};
  for (int v = 0; v < vectors; ++v, from += image_stride * kLanes, images -= kLanes, to += points * step) {
    gather(from, image_stride, images, planes, points, spread, to);
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
  const std::int64_t line = static_cast<std::int64_t>(c.padded(1)) * kLanes;
  const int depth = c.channels * c.taps();
  for (int oy = 0; oy < c.output[0]; ++oy) {
    for (int ox = 0; ox < c.output[1]; ++ox, y += static_cast<std::int64_t>(c.outputs) * kLanes) {
      const float* corner = x + oy * c.stride[0] * line + ox * c.stride[1] * kLanes;
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

void forward(const BatchConvolution& c, int vectors, const float* x, const float* packed, const float* bias,
             float* /*scratch*/, float* y) {
  const int rows = tile_rows(c.outputs);
  const Tiles tiles = vectors == 1 ? forward_for<1>(rows, Rows{}) : forward_for<kVectors>(rows, Rows{});
  tiles(c, x, packed, bias, y);
}

void backward_data(const BatchConvolution& c, int vectors, const float* dy, const float* packed, float* /*scratch*/,
                   float* dx) {
  const int rows = tile_rows(c.channels);
  const DataTiles tiles = vectors == 1 ? backward_data_for<1>(rows, Rows{}) : backward_data_for<kVectors>(rows, Rows{});
  tiles(c, dy, packed, dx);
}

}  // namespace

const BatchConvolutionKernels& batch_convolution_kernels() {
  static const BatchConvolutionKernels kernels{
      kLanes,  kVectors, layout,        offsets,          pack_forward,  pack_backward, gather_x,       gather_y,
      scatter, forward,  backward_data, backward_weights, backward_bias, maxima,        maxima_gradient};
  return kernels;
}

}  // namespace olmp::OLMP_ISA
