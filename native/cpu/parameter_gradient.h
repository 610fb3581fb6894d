// How a layer adds to a parameter's diff.
#pragma once

#include <algorithm>

#include "engine/layer.h"

namespace olmp {

// To be called before a gradient is added: returns the factor, 0 or 1, of what the diff holds already. As in the authors'
// code (cinner_product_layer.cpp), gradients gathered before a masked layer's backward lose those of pruned weights.
inline float begin_gradient(Parameter& parameter) {
  if (parameter.diff_cleared) {
    parameter.diff_cleared = false;
    return 0.0F;
  }
  if (parameter.mask != nullptr && !parameter.frozen) {
    float* diff = parameter.tensor.diff;
    for (std::int64_t i = 0; i < parameter.tensor.count(); ++i) diff[i] *= parameter.mask[i];
  }
  return 1.0F;
}

// The same for gradients that are added element by element.
inline float* begin_addition(Parameter& parameter) {
  float* diff = parameter.tensor.diff;
  if (begin_gradient(parameter) == 0.0F) std::fill(diff, diff + parameter.tensor.count(), 0.0F);
  return diff;
}

}  // namespace olmp
