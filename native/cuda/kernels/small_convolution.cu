#include "cuda/kernels/small_convolution.h"

#include <cfloat>

#include "cuda/kernels/places.h"

namespace olmp::cuda {
namespace {

constexpr int kAxes = 2;

}  // namespace

void gather_columns(const Stream& stream, const Columns& g, Index images, const float* x, float* columns) {
  for_each(stream, g.channels * g.kernel_points * images * g.output_points, [=] OLMP_KERNEL(Index i) {
    const Quotient point = divide(i, g.output_points);
    const Quotient image = divide(point.quotient, images);
    const Quotient channel = divide(image.quotient, g.kernel_points);
    const Place at = place_of(point.remainder, g.output, kAxes);
    const Place tap = place_of(channel.remainder, g.kernel, kAxes);
    const Index offset = input_of(g, at, tap, kAxes);
    columns[i] = offset < 0 ? 0.0F : x[(image.remainder * g.channels + channel.quotient) * g.input_points + offset];
  });
}

void scatter_columns(const Stream& stream, const Columns& g, Index images, const float* columns, float* dx) {
  for_each(stream, images * g.channels * g.input_points, [=] OLMP_KERNEL(Index i) {
    const Quotient plane = divide(i, g.input_points);
    const Quotient image = divide(plane.quotient, g.channels);
    const Place point = place_of(plane.remainder, g.input, kAxes);
    const Index row = images * g.output_points;
    const float* from = columns + image.remainder * g.kernel_points * row + image.quotient * g.output_points;
    float sum = 0;
    for (Index k = 0; k < g.kernel_points; ++k) {
      const Index offset = output_of(g, point, place_of(k, g.kernel, kAxes), kAxes);
      if (offset >= 0) sum += from[k * row + offset];
    }
    dx[i] = sum;
  });
}

namespace {

// Where the first point of a plane is in the products, and its bias.
struct PlanePlace {
  Index products;
  Index bias;
};

// Of plane (candidate, image, output), in this order.
OLMP_KERNEL inline PlanePlace plane_of(const Products& shape, Index plane) {
  const Quotient image = divide(plane, shape.outputs);
  const Quotient candidate = divide(image.quotient, shape.images);
  const Index output = candidate.quotient * shape.outputs + image.remainder;
  return {(output * shape.images + candidate.remainder) * shape.points, output};
}

}  // namespace

void finish_products(const Stream& stream, const Products& shape, const float* products, const float* bias, bool rectified,
                     float slope, float* y) {
  const Index count = shape.candidates * shape.images * shape.outputs * shape.points;
  for_each(stream, count, [=] OLMP_KERNEL(Index i) {
    const Quotient point = divide(i, shape.points);
    const PlanePlace plane = plane_of(shape, point.quotient);
    float value = products[plane.products + point.remainder];
    if (bias != nullptr) value += bias[plane.bias];
    y[i] = rectified ? larger(value, 0.0F) + slope * smaller(value, 0.0F) : value;
  });
}

void finish_maxima(const Stream& stream, const Products& shape, const Halving& halving, const float* products,
                   const float* bias, float* maxima, std::int8_t* chosen) {
  const Index count = shape.candidates * shape.images * shape.outputs * halving.windows();
  for_each(stream, count, [=] OLMP_KERNEL(Index i) {
    const Quotient window = divide(i, halving.windows());
    const PlanePlace plane = plane_of(shape, window.quotient);
    const Quotient at = divide(window.remainder, halving.columns());
    const int top = 2 * static_cast<int>(at.quotient);
    const int left = 2 * static_cast<int>(at.remainder);
    const float added = bias == nullptr ? 0.0F : bias[plane.bias];
    const float* from = products + plane.products;
    float best = -FLT_MAX;
    int best_at = -1;
    for (int k = 0; k < 4; ++k) {
      const int row = top + k / 2;
      const int column = left + k % 2;
      if (row >= halving.height || column >= halving.width) continue;
      const float value = from[row * halving.width + column] + added;
      if (value > best) {
        best = value;
        best_at = k;
      }
    }
    maxima[i] = best;
    if (chosen != nullptr) chosen[i] = static_cast<std::int8_t>(best_at);
  });
}

void order_by_channel(const Stream& stream, Index images, Index outputs, Index points, const float* dy, float* to) {
  for_each(stream, outputs * images * points, [=] OLMP_KERNEL(Index i) {
    const Quotient point = divide(i, points);
    const Quotient image = divide(point.quotient, images);
    to[i] = dy[(image.remainder * outputs + image.quotient) * points + point.remainder];
  });
}

void order_maxima_by_channel(const Stream& stream, Index images, Index outputs, const Halving& halving, const float* dy,
                             const std::int8_t* chosen, float* to) {
  const Index points = static_cast<Index>(halving.height) * halving.width;
  for_each(stream, outputs * images * points, [=] OLMP_KERNEL(Index i) {
    const Quotient point = divide(i, points);
    const Quotient image = divide(point.quotient, images);
    const Quotient at = divide(point.remainder, halving.width);
    const auto row = static_cast<int>(at.quotient);
    const auto column = static_cast<int>(at.remainder);
    const Index window = (image.remainder * outputs + image.quotient) * halving.windows() +
                         static_cast<Index>(row / 2) * halving.columns() + column / 2;
    to[i] = chosen[window] == row % 2 * 2 + column % 2 ? dy[window] : 0.0F;
  });
}

}  // namespace olmp::cuda
