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

  // Lists the weights whose mask is not 0, all without a mask; their values are not known until they are gathered.
  void select(const float* mask);
  // Takes the listed weights' values out of W.
  void gather(const float* weights);

  // Valid until the next select.
  const SparseProduct& product() const { return product_; }
  // Place in W, by kept weight.
  const std::vector<std::int32_t>& positions() const { return positions_; }
  std::int64_t kept() const { return static_cast<std::int64_t>(positions_.size()); }

 private:
  SparseWeights() = default;
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
};

}  // namespace olmp
