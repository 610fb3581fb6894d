// Layers that look at a window of their bottom: columns of a convolution, pooling, LRN.
#pragma once

#include "cuda/kernels/neuron.h"
#include "cuda/launch.h"

namespace olmp::cuda {

inline constexpr int kMaxSpatialAxes = 8;

struct Columns {
  int axes = 0;
  int channels = 1;
  int input[kMaxSpatialAxes];
  int output[kMaxSpatialAxes];
  int kernel[kMaxSpatialAxes];
  int stride[kMaxSpatialAxes];
  int pad[kMaxSpatialAxes];
  int dilation[kMaxSpatialAxes];
  Index input_points = 1;
  Index output_points = 1;
  Index kernel_points = 1;
};
// images (images, channels, input points) <-> columns (images, channels * kernel points, output points)
void images_to_columns(const Stream& stream, const Columns& geometry, Index images, const float* from, float* columns);
void columns_to_images(const Stream& stream, const Columns& geometry, Index images, const float* columns, float* to);

struct Pool {
  Index images = 1;
  int channels = 1;
  int input[2];
  int output[2];
  int kernel[2];
  int stride[2];
  int pad[2];
  Index x_stride = 0;  // from one image to the next
  Index y_stride = 0;
  Index period = 0;    // windows after which random numbers are the same again
  OLMP_KERNEL Index input_points() const { return static_cast<Index>(input[0]) * input[1]; }
  OLMP_KERNEL Index output_points() const { return static_cast<Index>(output[0]) * output[1]; }
  OLMP_KERNEL Index windows() const { return images * channels * output_points(); }
};
// chosen (images, channels, output points): position in the plane, -1 where a window holds nothing but NaN.
void max_pool(const Stream& stream, const Pool& pool, const float* x, float* y, int* chosen);
void average_pool(const Stream& stream, const Pool& pool, const float* x, float* y);
void sample_pool(const Stream& stream, const Pool& pool, const PassKey* pass, std::uint64_t salt, const float* x,
                 float* y, int* chosen);
void weighted_pool(const Stream& stream, const Pool& pool, const float* x, float* y);
// `overwrite`: dx is set, else added to.
void chosen_gradient(const Stream& stream, const Pool& pool, const float* dy, const int* chosen, float* dx,
                     bool overwrite);
void average_gradient(const Stream& stream, const Pool& pool, const float* dy, float* dx, bool overwrite);
void weighted_gradient(const Stream& stream, const Pool& pool, const float* x, const float* y, const float* dy,
                       float* dx, bool overwrite);
// The chosen positions as floats: Caffe's second top.
void positions_as_floats(const Stream& stream, const int* chosen, float* top, Index n);

struct Lrn {
  Index images = 1;
  int channels = 1;
  int height = 1;
  int width = 1;
  int size = 1;
  float alpha = 0;
  float beta = 0;
  float k = 1;
  bool within = false;  // a square window of the plane, else neighbouring channels
  OLMP_KERNEL Index count() const { return images * channels * height * width; }
};
// scale: (count), for backward.
void lrn_forward(const Stream& stream, const Lrn& lrn, const float* x, float* scale, float* y);
void lrn_backward(const Stream& stream, const Lrn& lrn, const float* x, const float* y, const float* scale,
                  const float* dy, float* dx);

}  // namespace olmp::cuda
