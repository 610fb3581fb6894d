// Blobs seen as (outer, channels, inner), with numbers per channel.
#pragma once

#include "cuda/launch.h"

namespace olmp::cuda {

struct Channels {
  Index outer = 1;
  Index channels = 1;
  Index inner = 1;
  OLMP_KERNEL Index count() const { return outer * channels * inner; }
};

// A layer's place in messages about faults that kernels meet.
struct Fault {
  int found = 0;     // 0 until there is one
  int layer = 0;
  float value = 0;   // a label or an index out of range
  int limit = 0;     // it must lie in [0, limit)
};
struct FaultPlace {
  Fault* fault = nullptr;
  int layer = 0;
};
OLMP_KERNEL inline void report(const FaultPlace& place, float value, Index limit) {
#ifdef __CUDA_ARCH__
  if (atomicCAS(&place.fault->found, 0, 1) != 0) return;
#else
  if (place.fault->found != 0) return;
  place.fault->found = 1;
#endif
  place.fault->layer = place.layer;
  place.fault->value = value;
  place.fault->limit = static_cast<int>(limit);
}

// y = x * factor[channel] + bias[channel]; either may be null.
void channel_affine(const Stream& stream, const Channels& view, const float* x, const float* factor, const float* bias,
                    float* y);
// y (candidates, view) = y + bias[candidate, channel], which may be null; rectified: negative ones times slope.
void add_bias(const Stream& stream, Index candidates, const Channels& view, const float* bias, bool rectified, float slope,
              float* y);
// to[channel] = beta to[channel] + sum over its elements of dy, or of dy * x where x is given; beta is 0 or 1.
void channel_sums(const Stream& stream, const Channels& view, const float* dy, const float* x, float beta, float* to);
// The same of dy times the slope of what add_bias made y by, which dy becomes.
void rectified_channel_sums(const Stream& stream, const Channels& view, const float* y, float slope, float beta, float* dy,
                            float* to);
// to[channel] += the sum over outer of the square of the sum over inner of dy. `sums` (outer, channels) is work space,
// which is not used where inner is 1.
void add_squared_channel_sums(const Stream& stream, const Channels& view, const float* dy, float* sums, float* to);

// `shared`: one slope for all channels. `kept` as in neuron_forward.
void prelu_forward(const Stream& stream, const Channels& view, bool shared, const float* x, const float* slopes,
                   float* y, float* kept);
void prelu_backward(const Stream& stream, const Channels& view, bool shared, const float* dy, const float* x,
                    const float* slopes, float* dx);
// to[channel] += sum of dy * x where x <= 0; all of them into to[0] where shared.
void prelu_slope_gradient(const Stream& stream, const Channels& view, bool shared, const float* dy, const float* x,
                          float* to);

// sums, variances, weight: BatchNorm's three parameters. deviation: (channels), kept for backward; normalised: receives
// y, or null.
struct BatchNormNumbers {
  bool global = false;
  float fraction = 0;
  float eps = 0;
};
void batch_norm_forward(const Stream& stream, const Channels& view, const BatchNormNumbers& numbers, const float* x,
                        float* sums, float* variances, float* weight, float* deviation, float* y, float* normalised);
void batch_norm_backward(const Stream& stream, const Channels& view, bool global, const float* dy, const float* y,
                         const float* deviation, float* dx);

// Rows of weights (inputs, outputs) picked by indices (n); bias may be null.
void embed_forward(const Stream& stream, const FaultPlace& place, const float* indices, Index n, Index inputs,
                   Index outputs, const float* weights, const float* bias, float* y);
void embed_backward(const Stream& stream, const float* indices, Index n, Index inputs, Index outputs, const float* dy,
                    float* weights);

}  // namespace olmp::cuda
