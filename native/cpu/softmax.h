// The softmax shared by Softmax and the losses that contain one.
#pragma once

#include "cpu/axis_view.h"

namespace olmp {

// y = softmax(x) along the view's axis, the maximum subtracted first; y may be x.
void softmax_forward(int threads, const float* x, float* y, const AxisView& view);

}  // namespace olmp
