// Biases of convolutions: one number per channel of (images, channels, points).
#pragma once

#include <cstdint>

namespace olmp {

void add_channel_bias(float* y, const float* bias, std::int64_t images, std::int64_t channels, std::int64_t points);
// diff[c] += sum of dy over images and points, summed in an order that does not depend on the threads.
void add_channel_sums(float* diff, const float* dy, std::int64_t images, std::int64_t channels, std::int64_t points,
                      int threads);

}  // namespace olmp
