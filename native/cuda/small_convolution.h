// A convolution of a small net, by products over the columns of all its images at once: few launches, where a library's
// own kernels would not fill the device. Bias, a ReLU or 2 x 2 maxima are taken along.
#pragma once

#include <cstdint>

#include "cuda/cuda_layer.h"
#include "cuda/kernels/small_convolution.h"

namespace olmp::cuda {

class SmallConvolution {
 public:
  // Several nets side by side, see LayerContext::candidates.
  struct Population {
    Index candidates = 1;
    bool same_input = false;
  };
  // What comes after the products.
  struct Finish {
    const float* bias = nullptr;  // (candidates, outputs)
    const FusedRectifier* rectifier = nullptr;
  };

  // Whether the columns of all images are few enough to be held.
  static bool suits(const Device& device, const ConvolutionGeometry& geometry, const Population& population);

  // `gradients`: backward passes will come. `maxima`: forward_maxima will.
  SmallConvolution(Device& device, const ConvolutionGeometry& geometry, const Population& population, bool gradients,
                   bool maxima);

  // x (images, channels, points) of each candidate, or of all; w (outputs, channels / group, kernel points) of each.
  void forward(const float* x, const float* w, const Finish& finish, float* y);
  // y: the maxima over windows of 2 x 2 by 2.
  void forward_maxima(const float* x, const float* w, const float* bias, float* y);
  // From the gradient of y, which forward or forward_maxima made last. dw = beta dw + ..., or null; dx or null.
  void backward(const float* dy, bool of_maxima, const float* w, float beta, float* dw, float* dx);

  std::int64_t workspace_bytes() const { return workspace_floats_ * static_cast<Index>(sizeof(float)); }

 private:
  const float* multiply(const float* x, const float* w);  // the products, in the device's work space
  Products products() const;
  Index batch() const { return images_ * geometry_.output_points; }  // of a candidate's columns

  Device& device_;
  Columns geometry_;
  Population population_;
  Index images_;
  Index groups_;
  Index rows_;     // of a group's columns
  Index outputs_;  // of a group
  Index columns_floats_;
  Index products_floats_;
  FloatBuffer columns_ = no_buffer();  // kept for backward
  FloatBuffer chosen_ = no_buffer();
  Index workspace_floats_ = 0;
};

}  // namespace olmp::cuda
