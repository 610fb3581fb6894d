#include "cpu/sparse_weights.h"

#include "cpu/isa.h"

namespace olmp {

const SparseKernels& cpu_sparse_kernels() {
  return cpu_isa() == CpuIsa::kAvx512 ? avx512::sparse_kernels() : avx2::sparse_kernels();
}

SparseWeights SparseWeights::inner_product(int outputs, int inputs, bool transposed) {
  SparseWeights list;
  list.columns_ = inputs;
  list.output_step_ = transposed ? 1 : inputs;
  list.column_step_ = transposed ? outputs : 1;
  list.outputs_per_group_ = outputs;
  list.product_.outputs = outputs;
  return list;
}

SparseWeights SparseWeights::convolution(const ConvolutionGeometry& g) {
  SparseWeights list;
  list.taps_ = static_cast<int>(g.kernel_points());
  list.columns_ = g.channels / g.group * list.taps_;
  list.output_step_ = list.columns_;
  list.column_step_ = 1;
  list.outputs_per_group_ = g.outputs / g.group;
  list.kernel_width_ = g.kernel[1];
  for (std::size_t axis : {0U, 1U}) list.dilation_[axis] = g.dilation[axis];
  list.plane_width_ = g.input[1] + 2 * g.pad[1];
  list.plane_ = list.plane_width_ * (g.input[0] + 2 * g.pad[0]);
  list.product_.outputs = g.outputs;
  list.product_.height = g.output[0];
  list.product_.width = g.output[1];
  list.product_.row_step = static_cast<std::int64_t>(g.stride[0]) * list.plane_width_;
  list.product_.column_step = g.stride[1];
  return list;
}

SparseWeights SparseWeights::empty() const {
  SparseWeights list;
  list.columns_ = columns_;
  list.output_step_ = output_step_;
  list.column_step_ = column_step_;
  list.outputs_per_group_ = outputs_per_group_;
  list.taps_ = taps_;
  list.kernel_width_ = kernel_width_;
  for (std::size_t axis : {0U, 1U}) list.dilation_[axis] = dilation_[axis];
  list.plane_width_ = plane_width_;
  list.plane_ = plane_;
  list.product_ = product_;
  list.product_.first = list.product_.offset = nullptr;
  list.product_.value = nullptr;
  return list;
}

std::int32_t SparseWeights::input_point(int output, int column) const {
  const int channel = output / outputs_per_group_ * (columns_ / taps_) + column / taps_;
  const int tap = column % taps_;
  return channel * plane_ + tap / kernel_width_ * dilation_[0] * plane_width_ + tap % kernel_width_ * dilation_[1];
}

void SparseWeights::select(const float* mask) {
  first_.assign(1, 0);
  offset_.clear();
  positions_.clear();
  for (int output = 0; output < product_.outputs; ++output) {
    for (int column = 0; column < columns_; ++column) {
      const std::int64_t position = output * output_step_ + column * column_step_;
      if (mask != nullptr && mask[position] == 0.0F) continue;
      positions_.push_back(static_cast<std::int32_t>(position));
      offset_.push_back(input_point(output, column));
    }
    first_.push_back(static_cast<std::int32_t>(positions_.size()));
  }
  values_.assign(positions_.size(), 0.0F);
  product_.first = first_.data();
  product_.offset = offset_.data();
  product_.value = values_.data();
}

void SparseWeights::gather(const float* weights) {
  for (std::size_t j = 0; j < positions_.size(); ++j) values_[j] = weights[positions_[j]];
}

}  // namespace olmp
