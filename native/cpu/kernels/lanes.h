// The light layers on blobs with the batch innermost: x (points, lanes), a lane per image. All arrays hold whole vectors.
#pragma once

#include <cstdint>

namespace olmp {

// A pooling of planes by Caffe's rules: windows are clipped to the image, averages divide by what lies in the padded one.
struct LanePooling {
  int channels = 1;
  int input[2] = {1, 1};
  int output[2] = {1, 1};
  int kernel[2] = {1, 1};
  int stride[2] = {1, 1};
  int pad[2] = {0, 0};
};

// Cross-entropy of softmax(z): z (classes, lanes). Lanes whose label is negative are left out: loss and gradient are 0.
struct LaneSoftmax {
  int classes = 0;
  int lanes = 0;
  const float* z = nullptr;
  const std::int32_t* labels = nullptr;
};

struct LaneKernels {
  // y = max(x, 0) + slope min(x, 0) over n floats; may be in place.
  void (*relu)(const float* x, float slope, std::int64_t n, float* y);
  // dx from y, whose sign is x's; slope >= 0.
  void (*relu_gradient)(const float* y, const float* dy, float slope, std::int64_t n, float* dx);

  // chosen, of y's shape: the place in the window, by rows of the kernel, of its first maximum; -1 where it holds nothing but
  // NaN and -infinity.
  void (*max_pool)(const LanePooling& pooling, int lanes, const float* x, float* y, std::int32_t* chosen);
  void (*max_pool_gradient)(const LanePooling& pooling, int lanes, const float* dy, const std::int32_t* chosen, float* dx);
  void (*average_pool)(const LanePooling& pooling, int lanes, const float* x, float* y);
  void (*average_pool_gradient)(const LanePooling& pooling, int lanes, const float* dy, float* dx);

  // probabilities (classes, lanes) and losses (lanes).
  void (*softmax)(const LaneSoftmax& softmax, float* probabilities, float* losses);
  // dz = scale (p - onehot(label)); with a teacher's logits t (images, classes), weight > 0:
  // scale ((1 - weight) (p - onehot(label)) + weight T (softmax(z / T) - softmax(t / T))). `images` lanes have a row of t.
  void (*softmax_gradient)(const LaneSoftmax& softmax, const float* probabilities, const float* teacher, int images,
                           float weight, float temperature, float scale, float* dz);
  // better (lanes): classes that score no less than the label's, it not counted; a NaN on either side counts as no less.
  void (*rank)(const LaneSoftmax& softmax, std::int32_t* better);
};

namespace avx2 {
const LaneKernels& lane_kernels();
}
namespace avx512 {
const LaneKernels& lane_kernels();
}

// The table of cpu_isa().
const LaneKernels& cpu_lane_kernels();

}  // namespace olmp
