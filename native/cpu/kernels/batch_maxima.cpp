#include "cpu/kernels/batch_maxima.h"

#include <cfloat>

#include "cpu/kernels/choice.h"

namespace olmp::OLMP_ISA {
namespace {

constexpr int kLanes = Vector::kLanes;

// How far the four points of a window lie apart, by rows.
struct WindowPoints {
  explicit WindowPoints(const BatchConvolution& c)
      : at{0, point(c), point(c) * c.output[1], point(c) * (c.output[1] + 1)} {}
  static std::int64_t point(const BatchConvolution& c) { return static_cast<std::int64_t>(c.outputs) * kLanes; }
  std::int64_t at[4];
};

}  // namespace

void maxima(const BatchConvolution& c, int vectors, const float* y, std::int64_t stride, float* maxima,
            std::int8_t* chosen) {
  const WindowPoints points(c);
  const std::int64_t line = WindowPoints::point(c) * c.output[1];
  for (int v = 0; v < vectors; ++v, y += 2 * line, maxima += stride, chosen += stride) {
    std::int64_t to = 0;
    for (int window = 0; window < c.output[1] / 2; ++window) {
      const float* corner = y + 2 * window * WindowPoints::point(c);
      for (int output = 0; output < c.outputs; ++output, corner += kLanes, to += kLanes) {
        Vector maximum = Vector::broadcast(-FLT_MAX);
        Choice choice = Choice::none();
        // Caffe's order: the first of equal maxima, and -FLT_MAX where nothing is greater.
        for (int p = 0; p < 4; ++p) take_greater(Vector::load(corner + points.at[p]), p, maximum, choice);
        maximum.store(maxima + to);
        choice.store(chosen + to);
      }
    }
  }
}

void maxima_gradient(const BatchConvolution& c, int vectors, const float* dmaxima, const std::int8_t* chosen, float* dy) {
  const WindowPoints points(c);
  const std::int64_t point = WindowPoints::point(c);
  // A vector's rows follow the last one's.
  for (int row = 0; row < vectors * c.output[0] / 2; ++row, dy += 2 * point * c.output[1]) {
    for (int window = 0; window < c.output[1] / 2; ++window) {
      float* corner = dy + 2 * window * point;
      for (int output = 0; output < c.outputs; ++output, corner += kLanes, dmaxima += kLanes, chosen += kLanes) {
        const Vector gradient = Vector::load(dmaxima);
        const Choice choice = Choice::load(chosen);
        for (int p = 0; p < 4; ++p) choice.where(p, gradient).store(corner + points.at[p]);
      }
    }
  }
}

}  // namespace olmp::OLMP_ISA
