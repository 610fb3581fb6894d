#include "cpu/kernels/sparse_forward.h"

#include <cfloat>

#include "cpu/kernels/sparse_tile.h"

namespace olmp::OLMP_ISA {
namespace {

// sum = bias + the weights of `output` times the points at x + step[p].
template <int kPoints, typename Block>
inline void accumulate(const SparseProduct& product, int output, float bias, const float* x, std::int64_t stride,
                       const std::int64_t (&step)[kPoints], Block block, Vector (&sum)[kPoints][Block::kVectors]) {
  for (int p = 0; p < kPoints; ++p) {
    for (int v = 0; v < Block::kVectors; ++v) sum[p][v] = Vector::broadcast(bias);
  }
  const std::int32_t end = product.first[output + 1];
  for (std::int32_t j = product.first[output]; j < end; ++j) {
    const Vector weight = Vector::broadcast(product.value[j]);
    const float* from = x + product.offset[j] * stride;
    for (int p = 0; p < kPoints; ++p) {
      for (int v = 0; v < Block::kVectors; ++v) sum[p][v] = fma(weight, block.load(from + step[p], v), sum[p][v]);
    }
  }
}

bool is_dead(const SparseProduct& product, int output) { return product.first[output] == product.first[output + 1]; }

template <typename Block>
void fill(std::int64_t points, std::int64_t stride, float value, Block block, float* y) {
  const Vector all = Vector::broadcast(value);
  for (std::int64_t point = 0; point < points; ++point, y += stride) {
    for (int v = 0; v < Block::kVectors; ++v) block.store(all, y, v);
  }
}

}  // namespace

void sparse_forward(const SparseProduct& product, const ImageRange& images, const float* x, const float* bias, float* y) {
  const std::int64_t stride = images.stride;
  for_product_blocks(product, images, [&](auto block, std::int64_t image) {
    using Block = decltype(block);
    // Rows outermost: the input rows they meet serve all outputs from the first-level cache.
    for (int row = 0; row < product.height; ++row) {
      const float* x_row = x + row * product.row_step * stride + image;
      for (int output = 0; output < product.outputs; ++output) {
        float* y_row = y + (output * product.points() + static_cast<std::int64_t>(row) * product.width) * stride + image;
        const float constant = bias == nullptr ? 0.0F : bias[output];
        if (is_dead(product, output)) {
          fill(product.width, stride, constant, block, y_row);
          continue;
        }
        for_fours(product.width, [&](auto tile, int column) {
          constexpr int kPoints = decltype(tile)::kValue;
          std::int64_t step[kPoints];
          for (int p = 0; p < kPoints; ++p) step[p] = p * product.column_step * stride;
          Vector sum[kPoints][Block::kVectors];
          accumulate(product, output, constant, x_row + column * product.column_step * stride, stride, step, block, sum);
          for (int p = 0; p < kPoints; ++p) {
            for (int v = 0; v < Block::kVectors; ++v) block.store(sum[p][v], y_row + (column + p) * stride, v);
          }
        });
      }
    }
  });
}

void sparse_forward_max(const SparseProduct& product, const ImageRange& images, const float* x, const float* bias,
                        float* y, std::int8_t* chosen) {
  const std::int64_t stride = images.stride;
  const WindowSteps steps(product, stride);
  const std::int64_t windows = product.width / 2;
  const std::int64_t pooled_points = product.points() / 4;
  for_blocks<kTileVectors>(images, [&](auto block, std::int64_t image) {
    using Block = decltype(block);
    for (int row = 0; row < product.height / 2; ++row) {
      const float* x_row = x + 2 * row * product.row_step * stride + image;
      for (int output = 0; output < product.outputs; ++output) {
        const std::int64_t at = (output * pooled_points + row * windows) * stride + image;
        const float constant = bias == nullptr ? 0.0F : bias[output];
        if (is_dead(product, output)) {
          fill(windows, stride, constant, block, y + at);
          continue;
        }
        for (std::int64_t window = 0; window < windows; ++window) {
          Vector sum[4][Block::kVectors];
          accumulate(product, output, constant, x_row + 2 * window * product.column_step * stride, stride, steps.at, block,
                     sum);
          for (int v = 0; v < Block::kVectors; ++v) {
            // Caffe's order: the first of equal maxima, and -FLT_MAX where nothing is greater.
            Vector maximum = Vector::broadcast(-FLT_MAX);
            Choice choice = Choice::none();
            for (int p = 0; p < 4; ++p) take_greater(sum[p][v], p, maximum, choice);
            block.store(maximum, y + at + window * stride, v);
            block.store(choice, chosen + at + window * stride, v);
          }
        }
      }
    }
  });
}

}  // namespace olmp::OLMP_ISA
