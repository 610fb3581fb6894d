// Ways to compute a convolution and its two gradients. All take plain (images, channels, spatial...) arrays; a way may
// hold buffers, sized when it is made.
#pragma once

#include <cstdint>
#include <memory>

#include "cpu/convolution_geometry.h"

namespace olmp {

class ConvolutionAlgorithm {
 public:
  virtual ~ConvolutionAlgorithm() = default;
  // y = w * x + bias; bias may be null.
  virtual void forward(const float* x, const float* weights, const float* bias, float* y) = 0;
  // dw = beta * dw + the gradient; beta is 0 or 1.
  virtual void backward_weights(const float* x, const float* dy, float beta, float* dw) = 0;
  virtual void backward_data(const float* dy, const float* weights, float* dx) = 0;
  virtual std::int64_t workspace_bytes() const = 0;
};

// Column matrices and oneDNN's sgemm, image by image: any geometry.
std::unique_ptr<ConvolutionAlgorithm> make_column_convolution(const ConvolutionGeometry& geometry, int threads,
                                                              const std::string& layer);

// The fastest way that can do this geometry.
std::unique_ptr<ConvolutionAlgorithm> make_convolution(const ConvolutionGeometry& geometry, int threads,
                                                       const std::string& layer);

}  // namespace olmp
