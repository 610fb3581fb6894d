#include "cpu/kernels/batch_winograd.h"

#include <algorithm>

#include "cpu/kernels/vector.h"

namespace olmp::OLMP_ISA {
namespace {

constexpr int kLanes = Vector::kLanes;
constexpr int kTransforms = 6;  // and points that a tile reads
constexpr int kTaps = 5;
// Rows of output whose transforms are held at a time, to stay in the second-level cache.
constexpr int kRows = 2;

const BatchConvolutionKernels& plain() { return batch_convolution_kernels(); }

int tiles(const BatchConvolution& c) { return (c.output[1] + 1) / 2; }

// The convolution of one transform, a tile's column being an image.
BatchConvolution column_of(const BatchConvolution& c) {
  BatchConvolution column = c;
  column.input[1] = column.output[1] = column.kernel[1] = column.stride[1] = column.dilation[1] = 1;
  column.pad[1] = 0;
  return column;
}

std::int64_t column_weights(const BatchConvolution& c) {
  return static_cast<std::int64_t>(c.outputs) * c.channels * c.kernel[0];
}

std::int64_t dx_column(const BatchConvolution& c) { return static_cast<std::int64_t>(c.input[0]) * c.channels * kLanes; }

BatchLayout layout(const BatchConvolution& c) {
  const BatchConvolution column = column_of(c);
  BatchLayout result = plain().layout(column);
  result.x *= kTransforms * tiles(c);
  result.forward_weights *= kTransforms;
  result.backward_weights *= kTransforms;
  const std::int64_t vectors = static_cast<std::int64_t>(plain().max_vectors) * tiles(c);
  const std::int64_t weights = kTransforms * column_weights(c);
  const std::int64_t dy = vectors * column.y_size() * kLanes;
  const std::int64_t y = kTransforms * vectors * kRows * c.outputs * kLanes;
  result.scratch = std::max({static_cast<std::int64_t>(c.padded(0)) * c.padded(1) * kLanes, y, dy + weights,
                             dy + kTransforms * vectors * dx_column(c)});
  return result;
}

std::vector<std::int32_t> offsets(const BatchConvolution& c) { return plain().offsets(column_of(c)); }

// (output, channel, kernel row, tap) -> (transform, output, channel, kernel row)
void transform_weights(const BatchConvolution& c, const float* weights, float* to) {
  const std::int64_t count = column_weights(c);
  for (std::int64_t i = 0; i < count; ++i, weights += kTaps) {
    const float even = weights[0] + weights[2] + weights[4];
    const float odd = weights[1] + weights[3];
    const float far_even = weights[0] + 4 * weights[2] + 16 * weights[4];
    const float far_odd = 2 * weights[1] + 8 * weights[3];
    to[i] = weights[0] * 0.25F;
    to[count + i] = (even + odd) * (-1.0F / 6);
    to[2 * count + i] = (even - odd) * (-1.0F / 6);
    to[3 * count + i] = (far_even + far_odd) * (1.0F / 24);
    to[4 * count + i] = (far_even - far_odd) * (1.0F / 24);
    to[5 * count + i] = weights[4];
  }
}

// The adjoint, to dw = beta * dw + gradient.
void weight_gradient(const BatchConvolution& c, const float* from, float beta, float* dw) {
  const std::int64_t count = column_weights(c);
  for (std::int64_t i = 0; i < count; ++i, dw += kTaps) {
    const float even = (from[count + i] + from[2 * count + i]) * (-1.0F / 6);
    const float odd = (from[count + i] - from[2 * count + i]) * (-1.0F / 6);
    const float far_even = (from[3 * count + i] + from[4 * count + i]) * (1.0F / 24);
    const float far_odd = (from[3 * count + i] - from[4 * count + i]) * (1.0F / 24);
    const float gradient[kTaps] = {from[i] * 0.25F + even + far_even, odd + 2 * far_odd, even + 4 * far_even,
                                   odd + 8 * far_odd, even + 16 * far_even + from[5 * count + i]};
    for (int k = 0; k < kTaps; ++k) dw[k] = beta == 0 ? gradient[k] : dw[k] + gradient[k];
  }
}

void pack_forward(const BatchConvolution& c, const float* weights, float* scratch, float* packed) {
  const BatchConvolution column = column_of(c);
  transform_weights(c, weights, scratch);
  const std::int64_t size = plain().layout(column).forward_weights;
  for (int t = 0; t < kTransforms; ++t) {
    plain().pack_forward(column, scratch + t * column_weights(c), nullptr, packed + t * size);
  }
}

void pack_backward(const BatchConvolution& c, const float* weights, float* scratch, float* packed) {
  const BatchConvolution column = column_of(c);
  transform_weights(c, weights, scratch);
  const std::int64_t size = plain().layout(column).backward_weights;
  for (int t = 0; t < kTransforms; ++t) {
    plain().pack_backward(column, scratch + t * column_weights(c), nullptr, packed + t * size);
  }
}

// The tiles of one plane (padded row, padded column); those of a tile go `tile_stride` after the last one's.
void transform_plane(const BatchConvolution& c, const float* plane, std::int64_t tile_stride, std::int64_t stride,
                     float* to) {
  const Vector four = Vector::broadcast(4);
  const Vector five = Vector::broadcast(5);
  const auto width = c.padded(1);
  for (int tile = 0; tile < tiles(c); ++tile) {
    for (int row = 0; row < c.padded(0); ++row) {
      Vector x[kTransforms];
      for (int i = 0; i < kTransforms; ++i) {
        const int at = 2 * tile + i;
        x[i] = at < width ? Vector::load(plane + (static_cast<std::int64_t>(row) * width + at) * kLanes) : Vector::zero();
      }
      const Vector even = x[4] - four * x[2];
      const Vector odd = x[3] - four * x[1];
      const Vector far_even = x[4] - x[2];
      const Vector half_odd = x[3] - x[1];
      const Vector far_odd = half_odd + half_odd;
      const Vector made[kTransforms] = {
          fma(four, x[0], x[4]) - five * x[2], even + odd,         even - odd,
          far_even + far_odd,                  far_even - far_odd, fma(four, x[1], x[5]) - five * x[3]};
      float* of_row = to + tile * tile_stride + row * kLanes;
      for (int t = 0; t < kTransforms; ++t) made[t].store(of_row + t * stride);
    }
  }
}

void gather_x(const BatchConvolution& c, const float* from, std::int64_t image_stride, int images, int vectors,
              float* scratch, float* to) {
  BatchConvolution channel = c;
  channel.channels = 1;
  const std::int64_t plane = static_cast<std::int64_t>(c.padded(0)) * kLanes;
  const std::int64_t tile = plane * c.channels;
  std::fill(scratch, scratch + plane * c.padded(1), 0.0F);  // the border
  for (int v = 0; v < vectors; ++v, from += image_stride * kLanes, images -= kLanes) {
    for (int i = 0; i < c.channels; ++i) {
      plain().gather_x(channel, from + static_cast<std::int64_t>(i) * c.input[0] * c.input[1], image_stride, images, 1,
                       nullptr, scratch);
      transform_plane(c, scratch, tile, tile * tiles(c) * vectors, to + v * tiles(c) * tile + i * plane);
    }
  }
}

// Transforms (transform, vector, tile, row, output) of `rows` rows -> y, its first row being the first of them.
void outputs(const BatchConvolution& c, int vectors, int rows, const float* from, const float* bias, float* y) {
  const std::int64_t point = static_cast<std::int64_t>(c.outputs) * kLanes;
  const std::int64_t stride = static_cast<std::int64_t>(vectors) * tiles(c) * rows * point;
  for (int v = 0; v < vectors; ++v, y += c.y_size() * kLanes) {
    for (int tile = 0; tile < tiles(c); ++tile) {
      const bool both = 2 * tile + 1 < c.output[1];
      for (int row = 0; row < rows; ++row) {
        float* to = y + (static_cast<std::int64_t>(row) * c.output[1] + 2 * tile) * point;
        for (int o = 0; o < c.outputs; ++o, from += kLanes, to += kLanes) {
          Vector m[kTransforms];
          for (int t = 0; t < kTransforms; ++t) m[t] = Vector::load(from + t * stride);
          const Vector b = Vector::broadcast(bias == nullptr ? 0.0F : bias[o]);
          const Vector far_odd = m[3] - m[4];
          (m[0] + (m[1] + m[2]) + (m[3] + m[4]) + b).store(to);
          if (both) ((m[1] - m[2]) + (far_odd + far_odd) + m[5] + b).store(to + point);
        }
      }
    }
  }
}

void forward(const BatchConvolution& c, int vectors, const float* x, const float* packed, const float* bias,
             float* scratch, float* y) {
  BatchConvolution column = column_of(c);
  const int columns = vectors * tiles(c);
  const std::int64_t x_column = column.x_size() * kLanes;
  const std::int64_t size = plain().layout(column).forward_weights;
  for (int row = 0; row < c.output[0]; row += kRows) {
    column.output[0] = std::min(kRows, c.output[0] - row);
    const std::int64_t y_column = column.y_size() * kLanes;
    float* made = scratch;
    for (int t = 0; t < kTransforms; ++t) {
      const float* of_row = x + t * columns * x_column + static_cast<std::int64_t>(row) * c.stride[0] * kLanes;
      for (int first = 0; first < columns;) {
        const int n = columns - first < plain().max_vectors ? 1 : plain().max_vectors;
        plain().forward(column, n, of_row + first * x_column, packed + t * size, nullptr, nullptr, made);
        first += n;
        made += n * y_column;
      }
    }
    outputs(c, vectors, column.output[0], scratch, bias,
            y + static_cast<std::int64_t>(row) * c.output[1] * c.outputs * kLanes);
  }
}

// One transform of dy: (vector, tile, row, output)
void transform_gradient(const BatchConvolution& c, int vectors, int transform, const float* dy, float* to) {
  static constexpr float kLeft[kTransforms] = {1, 1, 1, 1, 1, 0};
  static constexpr float kRight[kTransforms] = {0, 1, -1, 2, -2, 1};
  const Vector left = Vector::broadcast(kLeft[transform]);
  const Vector right = Vector::broadcast(kRight[transform]);
  const std::int64_t point = static_cast<std::int64_t>(c.outputs) * kLanes;
  for (int v = 0; v < vectors; ++v, dy += c.y_size() * kLanes) {
    for (int tile = 0; tile < tiles(c); ++tile) {
      const bool both = 2 * tile + 1 < c.output[1];
      for (int row = 0; row < c.output[0]; ++row, to += point) {
        const float* from = dy + (static_cast<std::int64_t>(row) * c.output[1] + 2 * tile) * point;
        for (std::int64_t i = 0; i < point; i += kLanes) {
          const Vector second = both ? Vector::load(from + point + i) : Vector::zero();
          fma(right, second, left * Vector::load(from + i)).store(to + i);
        }
      }
    }
  }
}

// Transforms (transform, vector, tile, row, channel) -> dx
void inputs(const BatchConvolution& c, int vectors, const float* from, float* dx) {
  const Vector two = Vector::broadcast(2);
  const Vector four = Vector::broadcast(4);
  const Vector five = Vector::broadcast(5);
  const std::int64_t point = static_cast<std::int64_t>(c.channels) * kLanes;
  const std::int64_t tile_stride = dx_column(c);
  const std::int64_t stride = vectors * tiles(c) * tile_stride;
  for (int v = 0; v < vectors; ++v, from += tiles(c) * tile_stride) {
    for (int row = 0; row < c.input[0]; ++row, dx += c.input[1] * point) {
      for (std::int64_t i = 0; i < point; i += kLanes) {
        const auto put = [&](int padded, Vector value) {
          const int at = padded - c.pad[1];
          if (at >= 0 && at < c.input[1]) value.store(dx + at * point + i);
        };
        // A tile's last four points are the next one's first four, or the next two's first two.
        Vector carried[4] = {Vector::zero(), Vector::zero(), Vector::zero(), Vector::zero()};
        for (int tile = 0; tile < tiles(c); ++tile) {
          Vector m[kTransforms];
          const float* of_tile = from + tile * tile_stride + row * point + i;
          for (int t = 0; t < kTransforms; ++t) m[t] = Vector::load(of_tile + t * stride);
          const Vector even = m[1] + m[2];
          const Vector odd = m[1] - m[2];
          const Vector far_even = m[3] + m[4];
          const Vector far_odd = m[3] - m[4];
          put(2 * tile, fma(four, m[0], carried[0]));
          put(2 * tile + 1, fma(four, m[5] - odd, carried[1]) - two * far_odd);
          carried[0] = carried[2] - fma(five, m[0], fma(four, even, far_even));
          carried[1] = fma(two, far_odd, carried[3] + odd) - five * m[5];
          carried[2] = m[0] + even + far_even;
          carried[3] = m[5];
        }
        for (int k = 0; k < 4; ++k) put(2 * tiles(c) + k, carried[k]);
      }
    }
  }
}

void backward_data(const BatchConvolution& c, int vectors, const float* dy, const float* packed, float* scratch,
                   float* dx) {
  const BatchConvolution column = column_of(c);
  const int columns = vectors * tiles(c);
  const std::int64_t dy_column = column.y_size() * kLanes;
  const std::int64_t size = plain().layout(column).backward_weights;
  float* const transformed = scratch + columns * dy_column;
  float* made = transformed;
  for (int t = 0; t < kTransforms; ++t) {
    transform_gradient(c, vectors, t, dy, scratch);
    for (int first = 0; first < columns;) {
      const int n = columns - first < plain().max_vectors ? 1 : plain().max_vectors;
      plain().backward_data(column, n, scratch + first * dy_column, packed + t * size, nullptr, made);
      first += n;
      made += n * dx_column(c);
    }
  }
  inputs(c, vectors, transformed, dx);
}

void backward_weights(const BatchConvolution& c, int vectors, const float* x, const float* dy, float beta,
                      float* scratch, float* dw) {
  const BatchConvolution column = column_of(c);
  const int columns = vectors * tiles(c);
  float* const gradient = scratch + columns * column.y_size() * kLanes;
  for (int t = 0; t < kTransforms; ++t) {
    transform_gradient(c, vectors, t, dy, scratch);
    plain().backward_weights(column, columns, x + t * columns * column.x_size() * kLanes, scratch, 0, nullptr,
                             gradient + t * column_weights(c));
  }
  weight_gradient(c, gradient, beta, dw);
}

}  // namespace

const BatchConvolutionKernels& batch_winograd_kernels() {
  static const BatchConvolutionKernels kernels = [] {
    BatchConvolutionKernels k = plain();
    k.layout = layout;
    k.offsets = offsets;
    k.pack_forward = pack_forward;
    k.pack_backward = pack_backward;
    k.gather_x = gather_x;
    k.forward = forward;
    k.backward_data = backward_data;
    k.backward_weights = backward_weights;
    return k;
  }();
  return kernels;
}

}  // namespace olmp::OLMP_ISA
