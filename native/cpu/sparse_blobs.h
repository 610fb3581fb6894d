// A sparse layer between blobs in Caffe's order, (images, points): they are turned so that the batch is innermost, and back.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cpu/sparse_layer.h"

namespace olmp {

class SparseBlobs {
 public:
  // `inputs` and `outputs`: points of one image, without padding.
  SparseBlobs(std::unique_ptr<SparseLayer> layer, std::int64_t batch, std::int64_t inputs, std::int64_t outputs,
              int threads, std::string name);

  // See SparseLayer. To be asked before every forward; the backward after it goes the same way.
  bool suits(const Parameter& weights);
  bool in_use() const { return in_use_; }
  bool can_pool() const { return layer_->can_pool(); }

  // `pooled`: y receives the maxima over 2 x 2 windows by 2; and dy, in the backward after it, is that of the maxima.
  void forward(const float* x, const float* weights, const float* bias, float* y, bool pooled);
  // To be called before the gradients that follow.
  void take_gradient(const float* dy);
  void backward_weights(Parameter& weights);
  void backward_bias(Parameter& bias);
  void backward_data(float* dx);

  std::int64_t workspace_bytes() const;

 private:
  void turn(const float* from, std::int64_t rows, std::int64_t columns, float* to) const;
  void allocate();

  std::unique_ptr<SparseLayer> layer_;
  std::int64_t batch_;
  std::int64_t inputs_;
  std::int64_t outputs_;
  int threads_;
  std::string name_;
  bool in_use_ = false;
  bool pooled_ = false;
  // Allocated at first use.
  FloatBuffer x_{nullptr, [](float*) {}};
  FloatBuffer dx_{nullptr, [](float*) {}};
  FloatBuffer y_{nullptr, [](float*) {}};  // or dy
  std::vector<std::int8_t> chosen_;
};

}  // namespace olmp
