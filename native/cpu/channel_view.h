// A blob seen as (outer, channels, inner), for layers with one number per channel or per block of axes.
#pragma once

#include "cpu/checks.h"

namespace olmp {

struct ChannelView {
  std::int64_t outer = 1;
  std::int64_t channels = 1;
  std::int64_t inner = 1;
};

// The axes [axis, axis + factor axes) of `blob` must be those of `factor` (Caffe's ScaleLayer and BiasLayer).
inline ChannelView factor_view(const LayerContext& context, const Tensor& blob, const Shape& factor) {
  const auto axis = factor.empty() ? std::size_t{0} : context.params.at("axis").get<std::size_t>();
  require(axis + factor.size() <= blob.shape.size(), context, "its factor has more axes than the bottom from 'axis' on.");
  for (std::size_t i = 0; i < factor.size(); ++i) {
    require(blob.shape[axis + i] == factor[i], context,
            "its factor " + shape_text(factor) + " does not fit the bottom " + shape_text(blob.shape) + ".");
  }
  return {count(blob.shape, 0, axis), count(factor), count(blob.shape, axis + factor.size())};
}

// The second axis, as in PReLU and BatchNorm; a blob of one axis has one channel.
inline ChannelView second_axis_view(const Tensor& blob) {
  if (blob.shape.size() < 2) return {blob.count(), 1, 1};
  return {blob.shape[0], blob.shape[1], count(blob.shape, 2)};
}

}  // namespace olmp
