// Convolution with the batch innermost: a chunk of images is turned around so that every weight meets whole vectors of
// images and no column matrix is needed. Two-dimensional, any stride, padding and dilation.
#pragma once

#include <cstdint>
#include <vector>

namespace olmp {

// One group of a convolution over one chunk of images.
struct BatchConvolution {
  int channels = 0;  // of the group
  int outputs = 0;
  int input[2] = {0, 0};  // height, width
  int output[2] = {0, 0};
  int kernel[2] = {0, 0};
  int stride[2] = {0, 0};
  int pad[2] = {0, 0};
  int dilation[2] = {0, 0};
  // Where a channel and tap reads, (channel, tap), in floats from the window's corner.
  const std::int32_t* offsets = nullptr;

  int padded(int axis) const { return input[axis] + 2 * pad[axis]; }
  int taps() const { return kernel[0] * kernel[1]; }
  // Floats per image of the chunk's buffers.
  std::int64_t x_size() const { return static_cast<std::int64_t>(padded(0)) * padded(1) * channels; }
  std::int64_t y_size() const { return static_cast<std::int64_t>(output[0]) * output[1] * outputs; }
};

// What kernels want of their caller, in floats.
struct BatchLayout {
  std::int64_t x = 0;       // per image of a chunk
  std::int64_t x_line = 0;  // per image, from a row of x to the next
  std::int64_t forward_weights = 0;
  std::int64_t backward_weights = 0;
  std::int64_t scratch = 0;
};

// Arrays of a chunk: x is (vector, channel, padded point, image in vector), so that what a weight's gradient reads of
// a channel stays in the first-level cache; all others are (vector, point, plane, image in vector), a plane being a
// channel or an output.
struct BatchConvolutionKernels {
  int lanes = 0;        // images per vector
  int max_vectors = 0;  // per chunk; chunks hold 1 or max_vectors

  BatchLayout (*layout)(const BatchConvolution& c);
  std::vector<std::int32_t> (*offsets)(const BatchConvolution& c);  // BatchConvolution's
  // weights (outputs, channels, taps) -> tiles of outputs, each (channel, tap, output in tile).
  void (*pack_forward)(const BatchConvolution& c, const float* weights, float* scratch, float* packed);
  // -> tiles of channels, each (tap, output, channel in tile).
  void (*pack_backward)(const BatchConvolution& c, const float* weights, float* scratch, float* packed);

  // `images` sets of planes, `image_stride` apart -> chunk; images beyond `images` become 0. The border of x is left as it
  // is (zero).
  void (*gather_x)(const BatchConvolution& c, const float* from, std::int64_t image_stride, int images, int vectors,
                   float* scratch, float* to);
  void (*gather_y)(const float* from, std::int64_t image_stride, int images, int vectors, int planes, std::int64_t points,
                   float* to);
  // The chunk's first `images` images -> planes sets; no border.
  void (*scatter)(const float* from, int planes, std::int64_t points, float* to, std::int64_t image_stride, int images);

  void (*forward)(const BatchConvolution& c, int vectors, const float* x, const float* packed, const float* bias,
                  float* scratch, float* y);
  // dx without border
  void (*backward_data)(const BatchConvolution& c, int vectors, const float* dy, const float* packed, float* scratch,
                        float* dx);
  // dw = beta * dw + the chunk's gradient; dw (outputs, channels * taps)
  void (*backward_weights)(const BatchConvolution& c, int vectors, const float* x, const float* dy, float beta,
                           float* scratch, float* dw);
  // db[o] += sum of dy
  void (*backward_bias)(const BatchConvolution& c, int vectors, const float* dy, float* db);

  // Maxima over 2 x 2 windows by 2 of y, two rows of c's output long, and the place 0..3 of each window's first maximum by
  // rows, or -1 where the window holds nothing but NaN and -infinity. A vector's maxima and places go `stride` elements
  // after the last one's.
  void (*max)(const BatchConvolution& c, int vectors, const float* y, std::int64_t stride, float* maxima,
              std::int8_t* chosen);
  // dy of c's whole output, from that of the maxima.
  void (*max_gradient)(const BatchConvolution& c, int vectors, const float* dmaxima, const std::int8_t* chosen, float* dy);
};

namespace avx2 {
const BatchConvolutionKernels& batch_convolution_kernels();
}
namespace avx512 {
const BatchConvolutionKernels& batch_convolution_kernels();
}

}  // namespace olmp
