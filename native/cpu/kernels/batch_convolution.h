// Convolution with the batch innermost: a chunk of images is turned into (point, channel, image), so that every weight
// meets whole vectors of images and no column matrix is needed. Two-dimensional, any stride, padding and dilation.
#pragma once

#include <cstdint>

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

  int padded(int axis) const { return input[axis] + 2 * pad[axis]; }
  int taps() const { return kernel[0] * kernel[1]; }
  // Floats per image of the chunk's buffers.
  std::int64_t x_size() const { return static_cast<std::int64_t>(padded(0)) * padded(1) * channels; }
  std::int64_t y_size() const { return static_cast<std::int64_t>(output[0]) * output[1] * outputs; }
};

struct BatchConvolutionKernels {
  int lanes = 0;      // images per vector
  int max_chunk = 0;  // images per chunk, a multiple of lanes; chunks hold `lanes` or `max_chunk` images
  int max_rows = 0;   // rows of a weight tile

  // Weights packed for `rows` x taps x `depth` products: see pack_rows. Sizes in floats.
  std::int64_t (*packed_size)(int rows, int taps, int depth);
  // weights (outputs, channels, taps) -> tiles of outputs, each (tap, channel, output in tile).
  void (*pack_forward)(const BatchConvolution& c, const float* weights, float* packed);
  // -> tiles of channels, each (tap, output, channel in tile).
  void (*pack_backward)(const BatchConvolution& c, const float* weights, float* packed);

  // `images` planes sets (channels, input points), `image_stride` apart -> x (padded point, channel, chunk image). The
  // border is left as it is (zero); images beyond `images` become 0.
  void (*gather)(const float* from, std::int64_t image_stride, int images, int chunk, int planes, const int size[2],
                 const int pad[2], float* to);
  // (point, plane, chunk image) -> planes of images; no border.
  void (*scatter)(const float* from, int chunk, int planes, std::int64_t points, float* to, std::int64_t image_stride,
                  int images);

  void (*forward)(const BatchConvolution& c, int chunk, const float* x, const float* packed, const float* bias, float* y);
  // dx (unpadded point, channel, image)
  void (*backward_data)(const BatchConvolution& c, int chunk, const float* dy, const float* packed, float* dx);
  // dw = beta * dw + the chunk's gradient; dw (outputs, channels * taps)
  void (*backward_weights)(const BatchConvolution& c, int chunk, const float* x, const float* dy, float beta, float* dw);
  // db[o] += sum of dy
  void (*backward_bias)(const BatchConvolution& c, int chunk, const float* dy, float* db);
};

namespace avx2 {
const BatchConvolutionKernels& batch_convolution_kernels();
}
namespace avx512 {
const BatchConvolutionKernels& batch_convolution_kernels();
}

}  // namespace olmp
