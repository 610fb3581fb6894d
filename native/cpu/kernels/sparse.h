// Products with the kept weights of a masked layer, and their gradients. The batch is innermost, so that one weight meets
// whole vectors of images: x (input points, images), y (output points, images).
#pragma once

#include <cstdint>

namespace olmp {

// A convolution, or an inner product (one point per output), as the list of its kept weights. Offsets count in points of
// the input, which holds its padding: output point (row, column) meets input point
// offset[j] + row * row_step + column * column_step.
struct SparseProduct {
  int outputs = 0;
  int height = 1;  // output points of one output
  int width = 1;
  std::int64_t row_step = 0;
  std::int64_t column_step = 0;
  const std::int32_t* first = nullptr;   // outputs + 1: the kept weights of output o are first[o] <= j < first[o + 1]
  const std::int32_t* offset = nullptr;  // by kept weight
  const float* value = nullptr;          // by kept weight

  std::int64_t points() const { return static_cast<std::int64_t>(height) * width; }
};

// Which images a kernel works on: [begin, end) of rows that are `stride` floats apart. Ranges may be worked on at the same
// time; the result for an image does not depend on the range it is in.
struct ImageRange {
  std::int64_t stride = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

// Where a kernel has `chosen`, the product is followed by maxima over 2 x 2 windows by 2 (height and width are even) and y is
// (outputs, height / 2 * width / 2, images). chosen, of y's shape, is the place 0..3 of a window's first maximum by rows, or
// -1 where the window holds nothing but NaN and -infinity; it is not written for outputs without kept weights.
struct SparseKernels {
  int lanes = 0;  // images per vector

  // y = bias + product; bias (outputs) may be null.
  void (*forward)(const SparseProduct& product, const ImageRange& images, const float* x, const float* bias, float* y);
  void (*forward_max)(const SparseProduct& product, const ImageRange& images, const float* x, const float* bias, float* y,
                      std::int8_t* chosen);
  // dx = 0 for `points` rows.
  void (*clear)(std::int64_t points, const ImageRange& images, float* dx);
  // dx += the gradient; chosen is null where there are no maxima.
  void (*backward_data)(const SparseProduct& product, const ImageRange& images, const float* dy, const std::int8_t* chosen,
                        float* dx);
  // dw, by kept weight, = the gradient over the range's images.
  void (*backward_weights)(const SparseProduct& product, const ImageRange& images, const float* x, const float* dy,
                           const std::int8_t* chosen, float* dw);
  // db[i] = the sum over the `points` rows of output outputs[i] and the range's images.
  void (*backward_bias)(const std::int32_t* outputs, std::int64_t count, std::int64_t points, const ImageRange& images,
                        const float* dy, float* db);
  // The same two with the sum of the squares of each image's own gradient.
  void (*squared_weights)(const SparseProduct& product, const ImageRange& images, const float* x, const float* dy,
                          const std::int8_t* chosen, float* dw);
  void (*squared_bias)(const std::int32_t* outputs, std::int64_t count, std::int64_t points, const ImageRange& images,
                       const float* dy, float* db);
};

namespace avx2 {
const SparseKernels& sparse_kernels();
}
namespace avx512 {
const SparseKernels& sparse_kernels();
}

// The table of cpu_isa().
const SparseKernels& cpu_sparse_kernels();

}  // namespace olmp
