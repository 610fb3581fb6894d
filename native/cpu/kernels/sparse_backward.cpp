#include "cpu/kernels/sparse_backward.h"

#include "cpu/kernels/sparse_tile.h"

namespace olmp::OLMP_ISA {
namespace {

// dx += the weights of `output` times dy, at dx + step[p].
template <int kPoints, typename Block>
inline void spread(const SparseProduct& product, int output, float* dx, std::int64_t stride,
                   const std::int64_t (&step)[kPoints], Block block, const Vector (&dy)[kPoints][Block::kVectors]) {
  const std::int32_t end = product.first[output + 1];
  for (std::int32_t j = product.first[output]; j < end; ++j) {
    const Vector weight = Vector::broadcast(product.value[j]);
    float* to = dx + product.offset[j] * stride;
    for (int p = 0; p < kPoints; ++p) {
      for (int v = 0; v < Block::kVectors; ++v) {
        block.store(fma(weight, dy[p][v], block.load(to + step[p], v)), to + step[p], v);
      }
    }
  }
}

// Turns vectors into the sums of their lanes, a vector of them at a time; to[i] = or += the i-th sum.
class LaneSums {
 public:
  LaneSums(float* to, bool add) : to_(to), add_(add) {}
  void push(Vector value) {
    rows_[count_++] = value;
    if (count_ == Vector::kLanes) flush();
  }
  void flush() {
    if (count_ == 0) return;
    for (int i = count_; i < Vector::kLanes; ++i) rows_[i] = Vector::zero();
    const Vector before = add_ ? Vector::load(to_, count_) : Vector::zero();
    (before + sums(rows_)).store(to_, count_);
    to_ += count_;
    count_ = 0;
  }

 private:
  Vector rows_[Vector::kLanes];
  float* to_;
  bool add_;
  int count_ = 0;
};

// Hands on a weight's gradients, by lane: to be added up, or squared first.
template <bool kSquared, int kVectors>
void push(Vector (&sum)[kVectors], LaneSums& sums) {
  for (int v = 0; kSquared && v < kVectors; ++v) sum[v] = sum[v] * sum[v];
  for (int v = 1; v < kVectors; ++v) sum[0] = sum[0] + sum[v];
  sums.push(sum[0]);
}

// The gradients of kWeights weights that start at `offset`, from dy (output points), summed over the points.
template <bool kSquared, int kWeights, typename Block>
void correlate(const SparseProduct& product, const std::int32_t* offset, const float* x, std::int64_t stride,
               const float* dy, Block block, LaneSums& sums) {
  const float* from[kWeights];
  for (int w = 0; w < kWeights; ++w) from[w] = x + offset[w] * stride;
  Vector sum[kWeights][Block::kVectors];
  for (int w = 0; w < kWeights; ++w) {
    for (int v = 0; v < Block::kVectors; ++v) sum[w][v] = Vector::zero();
  }
  for (int row = 0; row < product.height; ++row) {
    std::int64_t at = row * product.row_step * stride;
    for (int column = 0; column < product.width; ++column) {
      for (int v = 0; v < Block::kVectors; ++v) {
        const Vector gradient = block.load(dy, v);
        for (int w = 0; w < kWeights; ++w) sum[w][v] = fma(gradient, block.load(from[w] + at, v), sum[w][v]);
      }
      at += product.column_step * stride;
      dy += stride;
    }
  }
  for (int w = 0; w < kWeights; ++w) push<kSquared>(sum[w], sums);
}

// The same from the gradient of the maxima over windows.
template <bool kSquared, int kWeights, typename Block>
void correlate_max(const SparseProduct& product, const std::int32_t* offset, const float* x, std::int64_t stride,
                   const float* dy, const std::int8_t* chosen, Block block, LaneSums& sums) {
  const WindowSteps steps(product, stride);
  const float* from[kWeights];
  for (int w = 0; w < kWeights; ++w) from[w] = x + offset[w] * stride;
  Vector sum[kWeights][Block::kVectors];
  for (int w = 0; w < kWeights; ++w) {
    for (int v = 0; v < Block::kVectors; ++v) sum[w][v] = Vector::zero();
  }
  for (int row = 0; row < product.height; row += 2) {
    std::int64_t at = row * product.row_step * stride;
    for (int column = 0; column < product.width; column += 2) {
      for (int v = 0; v < Block::kVectors; ++v) {
        const Vector gradient = block.load(dy, v);
        const Choice choice = block.load(chosen, v);
        for (int p = 0; p < 4; ++p) {
          const Vector part = choice.where(p, gradient);
          const std::int64_t point = at + steps.at[p];
          for (int w = 0; w < kWeights; ++w) sum[w][v] = fma(part, block.load(from[w] + point, v), sum[w][v]);
        }
      }
      at += 2 * product.column_step * stride;
      dy += stride;
      chosen += stride;
    }
  }
  for (int w = 0; w < kWeights; ++w) push<kSquared>(sum[w], sums);
}

template <bool kSquared>
void weight_gradients(const SparseProduct& product, const ImageRange& images, const float* x, const float* dy,
                      const std::int8_t* chosen, float* dw) {
  const std::int64_t stride = images.stride;
  const std::int64_t points = chosen == nullptr ? product.points() : product.points() / 4;
  for_product_blocks(product, images, [&](auto block, std::int64_t image) {
    LaneSums sums(dw, image != images.begin);
    for (int output = 0; output < product.outputs; ++output) {
      const std::int32_t* offset = product.offset + product.first[output];
      const std::int64_t from = output * points * stride + image;
      for_fours(product.first[output + 1] - product.first[output], [&](auto weights, int w) {
        constexpr int kWeights = decltype(weights)::kValue;
        if (chosen == nullptr) {
          correlate<kSquared, kWeights>(product, offset + w, x + image, stride, dy + from, block, sums);
        } else {
          correlate_max<kSquared, kWeights>(product, offset + w, x + image, stride, dy + from, chosen + from, block, sums);
        }
      });
    }
    sums.flush();
  });
}

template <bool kSquared>
void bias_gradients(const std::int32_t* outputs, std::int64_t count, std::int64_t points, const ImageRange& images,
                    const float* dy, float* db) {
  for_blocks<kPointVectors>(images, [&](auto block, std::int64_t image) {
    constexpr int kVectors = decltype(block)::kVectors;
    LaneSums sums(db, image != images.begin);
    for (std::int64_t i = 0; i < count; ++i) {
      const float* from = dy + outputs[i] * points * images.stride + image;
      Vector sum[kVectors];
      for (int v = 0; v < kVectors; ++v) sum[v] = Vector::zero();
      for (std::int64_t point = 0; point < points; ++point, from += images.stride) {
        for (int v = 0; v < kVectors; ++v) sum[v] = sum[v] + block.load(from, v);
      }
      push<kSquared>(sum, sums);
    }
    sums.flush();
  });
}

}  // namespace

void sparse_clear(std::int64_t points, const ImageRange& images, float* dx) {
  for_blocks<kPointVectors>(images, [&](auto block, std::int64_t image) {
    float* to = dx + image;
    for (std::int64_t point = 0; point < points; ++point, to += images.stride) {
      for (int v = 0; v < decltype(block)::kVectors; ++v) block.store(Vector::zero(), to, v);
    }
  });
}

void sparse_backward_data(const SparseProduct& product, const ImageRange& images, const float* dy,
                          const std::int8_t* chosen, float* dx) {
  const std::int64_t stride = images.stride;
  const WindowSteps steps(product, stride);
  for_product_blocks(product, images, [&](auto block, std::int64_t image) {
    using Block = decltype(block);
    for (int output = 0; output < product.outputs; ++output) {
      if (product.first[output] == product.first[output + 1]) continue;
      if (chosen != nullptr) {
        std::int64_t at = output * (product.points() / 4) * stride + image;
        for (int row = 0; row < product.height; row += 2) {
          for (int column = 0; column < product.width; column += 2, at += stride) {
            Vector gradient[4][Block::kVectors];
            for (int v = 0; v < Block::kVectors; ++v) {
              const Vector whole = block.load(dy + at, v);
              const Choice choice = block.load(chosen + at, v);
              for (int p = 0; p < 4; ++p) gradient[p][v] = choice.where(p, whole);
            }
            spread(product, output, dx + (row * product.row_step + column * product.column_step) * stride + image, stride,
                   steps.at, block, gradient);
          }
        }
        continue;
      }
      const float* from = dy + output * product.points() * stride + image;
      for (int row = 0; row < product.height; ++row, from += product.width * stride) {
        for_fours(product.width, [&](auto tile, int column) {
          constexpr int kPoints = decltype(tile)::kValue;
          std::int64_t step[kPoints];
          Vector gradient[kPoints][Block::kVectors];
          for (int p = 0; p < kPoints; ++p) {
            step[p] = p * product.column_step * stride;
            for (int v = 0; v < Block::kVectors; ++v) gradient[p][v] = block.load(from + (column + p) * stride, v);
          }
          spread(product, output, dx + (row * product.row_step + column * product.column_step) * stride + image, stride,
                 step, block, gradient);
        });
      }
    }
  });
}

void sparse_backward_weights(const SparseProduct& product, const ImageRange& images, const float* x, const float* dy,
                             const std::int8_t* chosen, float* dw) {
  weight_gradients<false>(product, images, x, dy, chosen, dw);
}

void sparse_backward_bias(const std::int32_t* outputs, std::int64_t count, std::int64_t points, const ImageRange& images,
                          const float* dy, float* db) {
  bias_gradients<false>(outputs, count, points, images, dy, db);
}

void sparse_squared_weights(const SparseProduct& product, const ImageRange& images, const float* x, const float* dy,
                            const std::int8_t* chosen, float* dw) {
  weight_gradients<true>(product, images, x, dy, chosen, dw);
}

void sparse_squared_bias(const std::int32_t* outputs, std::int64_t count, std::int64_t points, const ImageRange& images,
                         const float* dy, float* db) {
  bias_gradients<true>(outputs, count, points, images, dy, db);
}

}  // namespace olmp::OLMP_ISA
