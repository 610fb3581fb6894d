// The sizes of a convolution over any number of spatial axes, and its column form (Caffe's im2col and col2im).
#pragma once

#include <cstdint>
#include <vector>

#include "engine/layer.h"

namespace olmp {

struct ConvolutionGeometry {
  std::int64_t images = 1;  // product of the axes before the channel axis
  int channels = 1;
  int outputs = 0;          // 0 for Im2col
  int group = 1;
  // One entry per spatial axis.
  std::vector<int> input;
  std::vector<int> output;
  std::vector<int> kernel;
  std::vector<int> stride;
  std::vector<int> pad;
  std::vector<int> dilation;

  std::int64_t input_points() const;   // spatial positions of an input plane
  std::int64_t output_points() const;
  std::int64_t kernel_points() const;
  std::int64_t rows() const { return channels * kernel_points(); }  // of the columns of one image, all groups
  std::int64_t columns_count() const { return rows() * output_points(); }
  std::int64_t input_count() const { return channels * input_points(); }      // one image
  std::int64_t output_count() const { return outputs * output_points(); }     // one image
};

// Geometry of a convolution from `from` (N.., C, spatial...) by the layer's params (kernel_size, stride, pad, dilation,
// axis and, where present, group, num_output). Throws Error("shape-mismatch") naming the layer.
ConvolutionGeometry convolution_geometry(const LayerContext& context, const Shape& from);

// columns (channels * kernel points, output points) of one image (channels, input points); zero where padding is read.
void image_to_columns(const ConvolutionGeometry& geometry, const float* image, float* columns);

// The adjoint: image = sum of the columns' elements at each input point.
void columns_to_image(const ConvolutionGeometry& geometry, const float* columns, float* image);

}  // namespace olmp
