// Ways to compute a convolution and its gradients. All take plain (images, channels, spatial...) arrays; a way may hold
// buffers, sized when it is made.
#pragma once

#include <cstdint>
#include <memory>

#include "cpu/convolution_geometry.h"

namespace olmp {

// Where gradients go; null where one is not wanted.
struct ConvolutionGradients {
  float* weights = nullptr;  // weights_beta (0 or 1) times what is there, plus the gradient
  float weights_beta = 0;
  float* bias = nullptr;  // added to
  float* data = nullptr;  // overwritten
};

class ConvolutionAlgorithm {
 public:
  virtual ~ConvolutionAlgorithm() = default;
  // Whether maxima over 2 x 2 windows by 2 shall be taken along from the next forward on: y receives them, and dy is that
  // of the maxima. Returns whether this will be done.
  virtual bool take_maxima(bool /*wanted*/) { return false; }
  // y = w * x + bias; bias may be null.
  virtual void forward(const float* x, const float* weights, const float* bias, float* y) = 0;
  // x may be null where only the data gradient is wanted, weights where it is not.
  virtual void backward(const float* x, const float* dy, const float* weights, const ConvolutionGradients& gradients) = 0;
  virtual std::int64_t workspace_bytes() const = 0;
};

// Column matrices and oneDNN's sgemm, image by image: any geometry.
std::unique_ptr<ConvolutionAlgorithm> make_column_convolution(const ConvolutionGeometry& geometry, int threads,
                                                              const std::string& layer);

// Our own kernels with the batch innermost: two axes, small planes. Null where the geometry does not suit.
std::unique_ptr<ConvolutionAlgorithm> make_batch_convolution(const ConvolutionGeometry& geometry, int threads,
                                                             const std::string& layer);

// oneDNN's convolution primitives: two axes. Null where oneDNN does not know the geometry.
std::unique_ptr<ConvolutionAlgorithm> make_primitive_convolution(const ConvolutionGeometry& geometry, int threads,
                                                                 const std::string& layer);

// The fastest way that can do this geometry.
std::unique_ptr<ConvolutionAlgorithm> make_convolution(const ConvolutionGeometry& geometry, int threads,
                                                       const std::string& layer);

}  // namespace olmp
