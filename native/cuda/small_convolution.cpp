#include "cuda/small_convolution.h"

#include <algorithm>

namespace olmp::cuda {
namespace {

Halving halving_of(const Columns& geometry) { return {geometry.output[0], geometry.output[1]}; }

}  // namespace

bool SmallConvolution::suits(const Device& device, const ConvolutionGeometry& g, const Population& population) {
  const Index inputs = population.same_input ? 1 : population.candidates;
  return g.input.size() == 2 && g.images * inputs * g.columns_count() <= device.most_columns() &&
         population.candidates * g.images * g.output_count() <= device.most_columns();
}

SmallConvolution::SmallConvolution(Device& device, const ConvolutionGeometry& g, const Population& population,
                                   bool gradients, bool maxima)
    : device_(device),
      geometry_(columns_of(g)),
      population_(population),
      images_(g.images),
      groups_(g.group),
      rows_(g.rows() / g.group),
      outputs_(g.outputs / g.group),
      columns_floats_((population.same_input ? 1 : population.candidates) * g.images * g.columns_count()),
      products_floats_(population.candidates * g.images * g.output_count()) {
  if (gradients) {
    columns_ = device.allocate(columns_floats_, "the columns of a convolution");
    workspace_floats_ += columns_floats_;
  }
  if (gradients && maxima) {
    const Halving halving = halving_of(geometry_);
    const Index bytes = images_ * groups_ * outputs_ * halving.windows();
    chosen_ = device.allocate((bytes + 3) / 4, "the places of a convolution's maxima");
    workspace_floats_ += (bytes + 3) / 4;
  }
  device.scratch(columns_floats_ + products_floats_);  // so that a net that does not fit says so when it is built
}

Products SmallConvolution::products() const {
  return {population_.candidates, images_, groups_ * outputs_, geometry_.output_points};
}

const float* SmallConvolution::multiply(const float* x, const float* w) {
  float* products = device_.scratch(columns_floats_ + products_floats_);
  float* columns = columns_ ? columns_.get() : products + products_floats_;
  const Index inputs = population_.same_input ? 1 : population_.candidates;
  gather_columns(device_.stream(), geometry_, inputs * images_, x, columns);
  const Index row = inputs * batch();
  for (Index g = 0; g < groups_; ++g) {
    Product product{false, false, outputs_, batch(), rows_, 0, population_.candidates};
    product.stride_a = groups_ * outputs_ * rows_;
    product.stride_b = population_.same_input ? 0 : batch();
    product.stride_c = groups_ * outputs_ * batch();
    product.row_b = row;
    device_.multiply(product, w + g * outputs_ * rows_, columns + g * rows_ * row, products + g * outputs_ * batch());
  }
  return products;
}

void SmallConvolution::forward(const float* x, const float* w, const Finish& finish, float* y) {
  const float* made = multiply(x, w);
  const float slope = finish.rectifier == nullptr ? 0.0F : finish.rectifier->negative_slope;
  finish_products(device_.stream(), products(), made, finish.bias, finish.rectifier != nullptr, slope, y);
}

void SmallConvolution::forward_maxima(const float* x, const float* w, const float* bias, float* y) {
  const float* made = multiply(x, w);
  finish_maxima(device_.stream(), products(), halving_of(geometry_), made, bias, y,
                reinterpret_cast<std::int8_t*>(chosen_.get()));
}

void SmallConvolution::backward(const float* dy, bool of_maxima, const float* w, float beta, float* dw, float* dx) {
  if (dw == nullptr && dx == nullptr) return;
  float* ordered = device_.scratch(columns_floats_ + products_floats_);
  float* columns = ordered + products_floats_;
  const Index outputs = groups_ * outputs_;
  if (of_maxima) {
    order_maxima_by_channel(device_.stream(), images_, outputs, halving_of(geometry_), dy,
                            reinterpret_cast<const std::int8_t*>(chosen_.get()), ordered);
  } else {
    order_by_channel(device_.stream(), images_, outputs, geometry_.output_points, dy, ordered);
  }
  if (dw != nullptr) {
    Product product{false, true, outputs_, rows_, batch(), beta, groups_};
    product.stride_a = outputs_ * batch();
    product.stride_b = rows_ * batch();
    product.stride_c = outputs_ * rows_;
    device_.multiply(product, ordered, columns_.get(), dw);
  }
  if (dx == nullptr) return;
  Product product{true, false, rows_, batch(), outputs_, 0, groups_};
  product.stride_a = outputs_ * rows_;
  product.stride_b = outputs_ * batch();
  product.stride_c = rows_ * batch();
  device_.multiply(product, w, ordered, columns);
  scatter_columns(device_.stream(), geometry_, images_, columns, dx);
}

}  // namespace olmp::cuda
