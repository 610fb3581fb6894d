// Pooling of planes, shared by the Pooling and SPP layers. Caffe's rules (pooling_layer.cpp, pooling_layer.cu).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/layer.h"

namespace olmp {

struct PoolingGeometry {
  std::int64_t images = 1;
  int channels = 1;
  int input[2] = {1, 1};  // height, width
  int output[2] = {1, 1};
  int kernel[2] = {1, 1};
  int stride[2] = {1, 1};
  int pad[2] = {0, 0};

  std::int64_t input_points() const { return static_cast<std::int64_t>(input[0]) * input[1]; }
  std::int64_t output_points() const { return static_cast<std::int64_t>(output[0]) * output[1]; }
};

// Sets `output` by Caffe's rule: rounded up (`ceil`) or down, and less one where padding lets the last window start
// outside the image.
void set_pooled_size(PoolingGeometry& geometry, bool ceil);

enum class PoolMethod { kMax, kAverage, kStochastic };

class Pooler {
 public:
  // Throws Error("shape-mismatch") where a window would lie outside the image: Caffe reads past the image there.
  Pooler(const LayerContext& context, const PoolingGeometry& geometry, PoolMethod method);

  // x (images, channels, input points) and y (images, channels, output points), images `stride` floats apart.
  void forward(const float* x, std::int64_t x_stride, float* y, std::int64_t y_stride);
  // `overwrite`: dx is set, else added to.
  void backward(const float* x, const float* y, const float* dy, std::int64_t y_stride, float* dx,
                std::int64_t x_stride, bool overwrite = true);

  // The chosen element of each window (position in its plane) after a forward by kMax or a training one by kStochastic;
  // -1 where a window holds nothing but NaN. (images, channels, output points)
  const std::vector<std::int32_t>& chosen() const { return chosen_; }
  std::int64_t workspace_bytes() const;

 private:
  struct Window;
  Window window(std::int64_t row, std::int64_t column) const;
  template <typename Body>
  void for_each_plane(const Body& body) const;
  void max_plane(const float* x, float* y, std::int32_t* chosen) const;
  void average_plane(const float* x, float* y) const;
  void sample_plane(const float* x, float* y, std::int32_t* chosen, const float* random) const;
  void weighted_plane(const float* x, float* y) const;
  void average_gradient(const float* dy, float* dx) const;
  void weighted_gradient(const float* x, const float* y, const float* dy, float* dx) const;

  PoolingGeometry g_;
  PoolMethod method_;
  bool halving_;  // maxima of whole 2 x 2 windows, which have kernels of their own
  Phase phase_;
  Random* random_;
  int threads_;
  std::vector<std::int32_t> chosen_;
  std::vector<float> draws_;  // one uniform number per window, drawn in order whatever the threads
};

PoolMethod pool_method(const LayerContext& context);
// Of a Pooling layer. Throws Error("shape-mismatch") naming it.
PoolingGeometry pooling_geometry(const LayerContext& context);

}  // namespace olmp
