// The kept weights of a masked layer as the list that the sparse kernels walk.
#pragma once

#include <cstdint>
#include <vector>

#include "cpu/convolution_geometry.h"
#include "cpu/kernels/sparse.h"

namespace olmp {

class SparseWeights {
 public:
  // W (outputs, inputs), or (inputs, outputs) where transposed.
  static SparseWeights inner_product(int outputs, int inputs, bool transposed);
  // Two spatial axes. The input of the product holds the geometry's padding.
  static SparseWeights convolution(const ConvolutionGeometry& geometry);
  SparseWeights(SparseWeights&&) = default;
  SparseWeights& operator=(SparseWeights&&) = default;

  // An empty list for the same layer.
  SparseWeights empty() const;

  // Of the outputs marked, the weights that read an input marked (by input_channel()); those of a group in common.
  struct Part {
    std::vector<std::int32_t> outputs;
    std::vector<std::int32_t> offsets;    // of the weights of one output, as in a SparseProduct
    std::vector<std::int32_t> positions;  // in W, (outputs, offsets)
  };
  std::vector<Part> parts(const std::vector<bool>& outputs, const std::vector<bool>& channels) const;
  // Lists the weights whose mask is not 0, all without a mask; their values are not known until they are gathered.
  void select(const float* mask);
  // Takes the listed weights' values out of W.
  void gather(const float* weights);

  // Valid until the next select.
  const SparseProduct& product() const { return product_; }
  // Place in W, by kept weight.
  const std::vector<std::int32_t>& positions() const { return positions_; }
  std::int64_t kept() const { return static_cast<std::int64_t>(positions_.size()); }
  // What the listed weight j of an output reads: a channel of a convolution's input, an input of an inner product.
  int input_channel(int output, std::int64_t j) const;
  int input_channels() const { return columns_ / taps_ * (product_.outputs / outputs_per_group_); }
  // Whether W (outputs, columns) is in this order.
  bool by_output() const { return column_step_ == 1; }
  int columns() const { return columns_; }

 private:
  SparseWeights() = default;
  int channel_of(int output, int column) const;
  std::int32_t input_point(int output, int column) const;

  int columns_ = 0;  // weights per output
  std::int64_t output_step_ = 0;  // between the weights of neighbouring outputs, and of neighbouring columns
  std::int64_t column_step_ = 0;
  // Of a convolution; an inner product has one tap, and a plane of one point.
  int outputs_per_group_ = 1;
  int taps_ = 1;
  int kernel_width_ = 1;
  int dilation_[2] = {0, 0};
  int plane_width_ = 1;
  int plane_ = 1;

  SparseProduct product_;
  std::vector<std::int32_t> first_;
  std::vector<std::int32_t> offset_;
  std::vector<std::int32_t> positions_;
  std::vector<float> values_;
  std::vector<std::int32_t> group_points_;  // input_point of the first output's columns
};

}  // namespace olmp
