// A masked Convolution or InnerProduct worked out over its kept weights alone, on arrays with the batch innermost.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cpu/sparse_weights.h"
#include "engine/layer.h"

namespace olmp {

class SparseLayer {
 public:
  // W (outputs, inputs), or (inputs, outputs) where transposed.
  static std::unique_ptr<SparseLayer> inner_product(int outputs, int inputs, bool transposed, std::int64_t batch,
                                                    int threads);
  // Null for a geometry of other than two spatial axes.
  static std::unique_ptr<SparseLayer> convolution(const ConvolutionGeometry& geometry, int threads,
                                                  const std::string& layer);

  // To be asked before every pass: whether so few weights are kept that the list beats the dense product. Decided by the
  // mask alone, so that a run that is taken up again takes the same way. Makes the list anew where the mask has changed.
  bool suits(const Parameter& weights);
  // Whether maxima over 2 x 2 windows by 2 can be taken along.
  bool can_pool() const;

  // x (input points, batch) and y (output points, batch); bias may be null. With `chosen`, y holds the maxima over windows:
  // see SparseKernels.
  void forward(const float* x, const float* weights, const float* bias, float* y, std::int8_t* chosen);
  // dx is overwritten; the weights are those of the last forward.
  void backward_data(const float* dy, const std::int8_t* chosen, float* dx);
  // Adds to the gradient at kept places. For frozen masks alone: others need the gradients of pruned weights. Reads what the
  // last forward left of x's padding.
  void backward_weights(const float* x, const float* dy, const std::int8_t* chosen, Parameter& weights);
  // Adds to the gradient, where masks are frozen at kept places. `pooled`: dy is that of the maxima.
  void backward_bias(const float* dy, bool pooled, Parameter& bias);

  std::int64_t workspace_bytes() const;

 private:
  struct Padding {
    int channels = 0;  // 0: the input is not padded
    int input[2] = {0, 0};
    int pad[2] = {0, 0};
    FloatBuffer x{nullptr, [](float*) {}};  // the border stays zero
    FloatBuffer dx{nullptr, [](float*) {}};
  };
  SparseLayer(SparseWeights list, std::int64_t weights, std::int64_t inputs, std::int64_t batch, int threads,
              double crossover);

  // Calls body(images, piece) on ranges of whole vectors that cover the batch; returns the number of ranges.
  template <typename Body>
  std::int64_t for_images(std::int64_t products, const Body& body) const;
  // Calls body(padded point, point) for the input points inside the padding.
  template <typename Body>
  void for_inside(const Body& body) const;
  // The input with its padding around it: x itself where there is none.
  const float* padded(const float* x, const ImageRange& images) const;
  // body(images, sums) leaves a piece's gradients at `places` in sums; their total is added to the parameter's.
  template <typename Body>
  void add_gradient(Parameter& parameter, const std::vector<std::int32_t>& places, std::int64_t products,
                    const Body& body);

  const SparseKernels& kernels_;
  SparseWeights list_;
  std::int64_t weights_;
  std::int64_t inputs_;  // input points, padding included
  std::int64_t batch_;
  int threads_;
  double crossover_;
  std::uint64_t version_ = 0;  // of the listed mask
  Padding padding_;
  std::vector<std::int32_t> all_outputs_;
  std::vector<float> partial_;  // gradients by piece
};

}  // namespace olmp
