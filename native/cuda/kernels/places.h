// Places in planes, for kernels over the columns of a convolution. Where the number of axes is known when a kernel is
// compiled they stay in registers.
#pragma once

#include "cuda/kernels/window.h"

namespace olmp::cuda {

struct Place {
  int at[kMaxSpatialAxes];
};

OLMP_KERNEL inline Place place_of(Index point, const int* sizes, int axes) {
  Place place;
  for (int a = axes - 1; a >= 0; --a) {
    const Quotient q = divide(point, sizes[a]);
    place.at[a] = static_cast<int>(q.remainder);
    point = q.quotient;
  }
  return place;
}

// The input point that an output point reads through a tap of the kernel; -1 in the padding.
OLMP_KERNEL inline Index input_of(const Columns& g, const Place& output, const Place& tap, int axes) {
  Index offset = 0;
  bool inside = true;
  for (int a = 0; a < axes; ++a) {
    const int position = output.at[a] * g.stride[a] - g.pad[a] + tap.at[a] * g.dilation[a];
    inside = inside && position >= 0 && position < g.input[a];
    offset = offset * g.input[a] + position;
  }
  return inside ? offset : -1;
}

// The output point that reads an input point through a tap of the kernel, or -1.
OLMP_KERNEL inline Index output_of(const Columns& g, const Place& input, const Place& tap, int axes) {
  Index offset = 0;
  bool reached = true;
  for (int a = 0; a < axes; ++a) {
    const int distance = input.at[a] + g.pad[a] - tap.at[a] * g.dilation[a];
    const int output = distance / g.stride[a];
    reached = reached && distance >= 0 && distance - output * g.stride[a] == 0 && output < g.output[a];
    offset = offset * g.output[a] + output;
  }
  return reached ? offset : -1;
}

}  // namespace olmp::cuda
