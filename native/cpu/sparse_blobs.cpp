#include "cpu/sparse_blobs.h"

#include <utility>

#include "cpu/kernels/kernels.h"
#include "cpu/ranges.h"

namespace olmp {

SparseBlobs::SparseBlobs(std::unique_ptr<SparseLayer> layer, std::int64_t batch, std::int64_t inputs,
                         std::int64_t outputs, int threads, std::string name)
    : layer_(std::move(layer)),
      batch_(batch),
      inputs_(inputs),
      outputs_(outputs),
      threads_(threads),
      name_(std::move(name)) {}

bool SparseBlobs::suits(const Parameter& weights) {
  in_use_ = layer_->suits(weights);
  if (in_use_ && x_ == nullptr) allocate();
  return in_use_;
}

void SparseBlobs::allocate() {
  const std::string what = "the buffers of layer '" + name_ + "'";
  x_ = allocate_host(inputs_ * batch_, what);
  dx_ = allocate_host(inputs_ * batch_, what);
  y_ = allocate_host(outputs_ * batch_, what);
  if (can_pool()) chosen_.resize(static_cast<std::size_t>(outputs_ / 4 * batch_));
}

// (rows, columns) -> (columns, rows)
void SparseBlobs::turn(const float* from, std::int64_t rows, std::int64_t columns, float* to) const {
  const auto transpose = cpu_kernels().transpose;
  if (rows > columns) {
    for_each_range(threads_, rows, columns, [&](std::int64_t begin, std::int64_t end) {
      transpose(from + begin * columns, columns, end - begin, columns, to + begin, rows);
    });
  } else {
    for_each_range(threads_, columns, rows, [&](std::int64_t begin, std::int64_t end) {
      transpose(from + begin, columns, rows, end - begin, to + begin * rows, rows);
    });
  }
}

void SparseBlobs::forward(const float* x, const float* weights, const float* bias, float* y, bool pooled) {
  pooled_ = pooled;
  turn(x, batch_, inputs_, x_.get());
  layer_->forward(x_.get(), weights, bias, y_.get(), pooled ? chosen_.data() : nullptr);
  turn(y_.get(), pooled ? outputs_ / 4 : outputs_, batch_, y);
}

void SparseBlobs::take_gradient(const float* dy) { turn(dy, batch_, pooled_ ? outputs_ / 4 : outputs_, y_.get()); }

void SparseBlobs::backward_weights(Parameter& weights) {
  layer_->backward_weights(x_.get(), y_.get(), pooled_ ? chosen_.data() : nullptr, weights);
}

void SparseBlobs::backward_bias(Parameter& bias) { layer_->backward_bias(y_.get(), pooled_, bias); }

void SparseBlobs::backward_data(float* dx) {
  layer_->backward_data(y_.get(), pooled_ ? chosen_.data() : nullptr, dx_.get());
  turn(dx_.get(), inputs_, batch_, dx);
}

std::int64_t SparseBlobs::workspace_bytes() const {
  if (x_ == nullptr) return 0;
  const std::int64_t floats = (2 * inputs_ + outputs_) * batch_;
  return floats * static_cast<std::int64_t>(sizeof(float)) + static_cast<std::int64_t>(chosen_.size()) +
         layer_->workspace_bytes();
}

}  // namespace olmp
