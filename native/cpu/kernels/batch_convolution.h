// Convolution with the batch innermost: a chunk of images is turned into (vector, point, channel, image in vector), so that
// every weight meets whole vectors of images and no column matrix is needed. Two-dimensional, any stride, padding and
// dilation.
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
  // Where a tap and channel reads, (tap, channel), in floats from the window's corner.
  const std::int32_t* offsets = nullptr;

  int padded(int axis) const { return input[axis] + 2 * pad[axis]; }
  int taps() const { return kernel[0] * kernel[1]; }
  // Floats per image of the chunk's buffers.
  std::int64_t x_size() const { return static_cast<std::int64_t>(padded(0)) * padded(1) * channels; }
  std::int64_t y_size() const { return static_cast<std::int64_t>(output[0]) * output[1] * outputs; }
};

// Arrays of a chunk are (vector, point, plane, image), `vectors` of them; a plane is a channel or an output.
struct BatchConvolutionKernels {
  int lanes = 0;        // images per vector
  int max_vectors = 0;  // per chunk; chunks hold 1 or max_vectors

  // Weights packed for `rows` x taps x `depth` products: see pack_rows. Sizes in floats.
  std::int64_t (*packed_size)(int rows, int taps, int depth);
  // weights (outputs, channels, taps) -> tiles of outputs, each (tap, channel, output in tile).
  void (*pack_forward)(const BatchConvolution& c, const float* weights, float* packed);
  // -> tiles of channels, each (tap, output, channel in tile).
  void (*pack_backward)(const BatchConvolution& c, const float* weights, float* packed);

  // `images` planes sets (planes, points), `image_stride` apart -> chunk, its points with the padding around them. The
  // border is left as it is (zero); images beyond `images` become 0.
  void (*gather)(const float* from, std::int64_t image_stride, int images, int vectors, int planes, const int size[2],
                 const int pad[2], float* to);
  // The chunk's first `images` images -> planes sets; no border.
  void (*scatter)(const float* from, int planes, std::int64_t points, float* to, std::int64_t image_stride, int images);

  void (*forward)(const BatchConvolution& c, int vectors, const float* x, const float* packed, const float* bias, float* y);
  // dx without border
  void (*backward_data)(const BatchConvolution& c, int vectors, const float* dy, const float* packed, float* dx);
  // dw = beta * dw + the chunk's gradient; dw (outputs, channels * taps)
  void (*backward_weights)(const BatchConvolution& c, int vectors, const float* x, const float* dy, float beta, float* dw);
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
