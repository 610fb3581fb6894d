// What stands around the products of a convolution whose columns hold all images at once, channel by channel:
// columns (rows, images, output points) with a row for each channel and kernel point, products (outputs, images, points).
// For two spatial axes.
#pragma once

#include <cstdint>

#include "cuda/kernels/window.h"

namespace olmp::cuda {

void gather_columns(const Stream& stream, const Columns& geometry, Index images, const float* x, float* columns);
// The adjoint: dx (images, channels, input points) = what the columns hold of each input point, summed in a fixed order.
void scatter_columns(const Stream& stream, const Columns& geometry, Index images, const float* columns, float* dx);

// Products of several candidates one after the other: of each (outputs, images, points), with biases (outputs).
struct Products {
  Index candidates = 1;
  Index images = 1;  // of each
  Index outputs = 1;
  Index points = 1;
};
// y (candidates, images, outputs, points) = products + bias, which may be null; rectified: negative ones times slope.
void finish_products(const Stream& stream, const Products& shape, const float* products, const float* bias, bool rectified,
                     float slope, float* y);

// The points of an image are (height, width), and maxima are taken over windows of 2 x 2 by 2, clipped at the edges.
struct Halving {
  int height = 1;
  int width = 1;
  OLMP_KERNEL int rows() const { return (height + 1) / 2; }
  OLMP_KERNEL int columns() const { return (width + 1) / 2; }
  OLMP_KERNEL Index windows() const { return static_cast<Index>(rows()) * columns(); }
};
// maxima (candidates, images, outputs, windows) of products + bias; chosen, alike: 0 to 3, or -1 where nothing compares; or
// null.
void finish_maxima(const Stream& stream, const Products& shape, const Halving& halving, const float* products,
                   const float* bias, float* maxima, std::int8_t* chosen);

// to (outputs, images, points) = dy (images, outputs, points)
void order_by_channel(const Stream& stream, Index images, Index outputs, Index points, const float* dy, float* to);
// The same of dy (images, outputs, windows), each at the point chosen.
void order_maxima_by_channel(const Stream& stream, Index images, Index outputs, const Halving& halving, const float* dy,
                             const std::int8_t* chosen, float* to);

}  // namespace olmp::cuda
