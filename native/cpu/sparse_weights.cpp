#include "cpu/sparse_weights.h"

#include "cpu/isa.h"
#include "cpu/kernels/kernels.h"

namespace olmp {

namespace {

constexpr std::size_t kSlack = 16;  // of Kernels::nonzero

}  // namespace

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
  list.group_points_ = group_points_;
  list.product_ = product_;
  list.product_.first = list.product_.offset = nullptr;
  list.product_.value = nullptr;
  return list;
}

int SparseWeights::channel_of(int output, int column) const {
  const int channel = taps_ == 1 ? column : column / taps_;
  return outputs_per_group_ == product_.outputs ? channel : output / outputs_per_group_ * (columns_ / taps_) + channel;
}

int SparseWeights::input_channel(int output, std::int64_t j) const {
  const std::int64_t within = positions_[static_cast<std::size_t>(j)] - output * output_step_;
  return channel_of(output, static_cast<int>(by_output() ? within : within / column_step_));
}

std::int32_t SparseWeights::input_point(int output, int column) const {
  const int channel = channel_of(output, column);
  const int tap = column % taps_;
  return channel * plane_ + tap / kernel_width_ * dilation_[0] * plane_width_ + tap % kernel_width_ * dilation_[1];
}

void SparseWeights::select(const float* mask) {
  if (group_points_.empty()) {
    for (int column = 0; column < columns_; ++column) group_points_.push_back(input_point(0, column));
  }
  const auto columns = static_cast<std::size_t>(columns_);
  first_.assign(1, 0);
  std::size_t found = 0;
  for (int output = 0; output < product_.outputs; ++output) {
    if (positions_.size() < found + columns + kSlack) positions_.resize(2 * found + columns + kSlack);
    std::int32_t* to = positions_.data() + found;
    std::size_t count = 0;
    if (mask != nullptr && by_output()) {
      const std::int64_t row = output * output_step_;
      count = static_cast<std::size_t>(
          cpu_kernels().nonzero(mask + row, columns_, static_cast<std::int32_t>(row), to));
    } else {
      for (int column = 0; column < columns_; ++column) {
        const std::int64_t position = output * output_step_ + column * column_step_;
        if (mask == nullptr || mask[position] != 0.0F) to[count++] = static_cast<std::int32_t>(position);
      }
    }
    found += count;
    first_.push_back(static_cast<std::int32_t>(found));
  }
  positions_.resize(found);
  offset_.resize(found);
  for (int output = 0; output < product_.outputs; ++output) {
    const std::int32_t group = input_point(output, 0);
    for (std::int32_t j = first_[static_cast<std::size_t>(output)]; j < first_[static_cast<std::size_t>(output) + 1]; ++j) {
      const auto k = static_cast<std::size_t>(j);
      const std::int64_t within = positions_[k] - output * output_step_;
      offset_[k] = group + group_points_[static_cast<std::size_t>(by_output() ? within : within / column_step_)];
    }
  }
  values_.assign(found, 0.0F);
  product_.first = first_.data();
  product_.offset = offset_.data();
  product_.value = values_.data();
}

std::vector<SparseWeights::Part> SparseWeights::parts(const std::vector<bool>& outputs,
                                                      const std::vector<bool>& channels) const {
  std::vector<Part> parts;
  for (int first = 0; first < product_.outputs; first += outputs_per_group_) {
    Part part;
    for (int output = first; output < first + outputs_per_group_; ++output) {
      if (outputs[static_cast<std::size_t>(output)]) part.outputs.push_back(output);
    }
    std::vector<int> columns;
    for (int column = 0; column < columns_; ++column) {
      if (!channels[static_cast<std::size_t>(channel_of(first, column))]) continue;
      columns.push_back(column);
      part.offsets.push_back(input_point(first, column));
    }
    for (const std::int32_t output : part.outputs) {
      for (const int column : columns) {
        part.positions.push_back(static_cast<std::int32_t>(output * output_step_ + column * column_step_));
      }
    }
    if (!part.positions.empty()) parts.push_back(std::move(part));
  }
  return parts;
}

void SparseWeights::gather(const float* weights) {
  for (std::size_t j = 0; j < positions_.size(); ++j) values_[j] = weights[positions_[j]];
}

}  // namespace olmp
