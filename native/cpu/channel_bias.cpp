#include "cpu/channel_bias.h"

#include "cpu/kernels/kernels.h"
#include "cpu/parallel.h"

namespace olmp {

void add_channel_bias(float* y, const float* bias, std::int64_t images, std::int64_t channels, std::int64_t points) {
  for (std::int64_t image = 0; image < images; ++image) {
    for (std::int64_t c = 0; c < channels; ++c, y += points) {
      const float b = bias[c];
      for (std::int64_t i = 0; i < points; ++i) y[i] += b;
    }
  }
}

void add_channel_sums(float* diff, const float* dy, std::int64_t images, std::int64_t channels, std::int64_t points,
                      int threads) {
  const Kernels& kernels = cpu_kernels();
  parallel_for(threads, channels, 1 + 65536 / (images * points + 1), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t c = first; c < last; ++c) {
      double sum = 0;
      for (std::int64_t image = 0; image < images; ++image) {
        sum += kernels.sum(dy + (image * channels + c) * points, points);
      }
      diff[c] += static_cast<float>(sum);
    }
  });
}

}  // namespace olmp
