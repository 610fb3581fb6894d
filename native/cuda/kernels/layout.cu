#include "cuda/kernels/layout.h"

namespace olmp::cuda {

void maximum_of_two(const Stream& stream, const float* a, const float* b, float* y, int* winner, Index n) {
  for_each(stream, n, [=] OLMP_KERNEL(Index i) {
    const float first = a[i];
    const float second = b[i];
    winner[i] = first > second ? 0 : 1;
    y[i] = first > second ? first : second;
  });
}

void maximum_with(const Stream& stream, const float* x, int index, float* y, int* winner, Index n) {
  for_each(stream, n, [=] OLMP_KERNEL(Index i) {
    if (!(x[i] > y[i])) return;
    winner[i] = index;
    y[i] = x[i];
  });
}

void gradient_of_winner(const Stream& stream, const int* winner, int index, const float* dy, float* dx, Index n) {
  for_each(stream, n, [=] OLMP_KERNEL(Index i) { dx[i] = winner[i] == index ? dy[i] : 0.0F; });
}

void tile_forward(const Stream& stream, Index outer, Index tiles, Index block, const float* x, float* y) {
  for_each(stream, outer * tiles * block, [=] OLMP_KERNEL(Index i) {
    const Quotient at = divide(i, block);
    y[i] = x[divide(at.quotient, tiles).quotient * block + at.remainder];
  });
}

void tile_backward(const Stream& stream, Index outer, Index tiles, Index block, const float* dy, float* dx) {
  for_each(stream, outer * block, [=] OLMP_KERNEL(Index i) {
    const Quotient at = divide(i, block);
    const float* from = dy + at.quotient * tiles * block + at.remainder;
    float sum = from[0];
    for (Index t = 1; t < tiles; ++t) sum += from[t * block];
    dx[i] = sum;
  });
}

namespace {

// Place in the whole of element i of the part.
OLMP_KERNEL inline Index place_in_whole(const CropGeometry& g, Index i) {
  Index place = 0;
  Index stride = 1;
  for (int axis = g.axes - 1; axis >= 0; --axis) {
    const Quotient at = divide(i, g.part[axis]);
    place += (at.remainder + g.offset[axis]) * stride;
    stride *= g.whole[axis];
    i = at.quotient;
  }
  return place;
}

}  // namespace

void crop(const Stream& stream, const CropGeometry& geometry, const float* whole, float* part) {
  for_each(stream, geometry.count, [=] OLMP_KERNEL(Index i) { part[i] = whole[place_in_whole(geometry, i)]; });
}

void uncrop(const Stream& stream, const CropGeometry& geometry, const float* part, float* whole) {
  for_each(stream, geometry.count, [=] OLMP_KERNEL(Index i) { whole[place_in_whole(geometry, i)] = part[i]; });
}

void reduce_forward(const Stream& stream, Reduce operation, Index rows, Index length, float coefficient,
                    const float* x, float* y) {
  for_each_team(stream, rows, length, [=] OLMP_KERNEL(Team team, Index row) {
    const float* from = x + row * length;
    const double sum = team.sum(length, [=](Index i) {
      const auto value = static_cast<double>(from[i]);
      if (operation == Reduce::kAsum) return std::fabs(value);
      return operation == Reduce::kSumsq ? value * value : value;
    });
    if (team.first()) y[row] = static_cast<float>(sum) * coefficient;
  });
}

void reduce_backward(const Stream& stream, Reduce operation, Index rows, Index length, float coefficient,
                     const float* dy, const float* x, float* dx) {
  for_each(stream, rows * length, [=] OLMP_KERNEL(Index i) {
    const float slope = dy[divide(i, length).quotient] * coefficient;
    if (operation == Reduce::kAsum) {
      dx[i] = x[i] > 0.0F ? slope : (x[i] < 0.0F ? -slope : 0.0F);
    } else {
      dx[i] = operation == Reduce::kSumsq ? 2.0F * slope * x[i] : slope;
    }
  });
}

void mvn_forward(const Stream& stream, Index rows, Index length, float eps, const float* x, float* y,
                 float* deviation) {
  for_each_team(stream, rows, length, [=] OLMP_KERNEL(Team team, Index row) {
    const float* from = x + row * length;
    float* to = y + row * length;
    const auto n = static_cast<double>(length);
    const auto mean = static_cast<float>(team.sum(length, [=](Index i) { return from[i]; }) / n);
    float divisor = 1;
    if (deviation != nullptr) {
      const double squares = team.sum(length, [=](Index i) {
        const auto distance = static_cast<double>(from[i] - mean);
        return distance * distance;
      });
      divisor = static_cast<float>(std::sqrt(squares / n)) + eps;
      if (team.first()) deviation[row] = divisor;
    }
    team.each(length, [=](Index i) { to[i] = (from[i] - mean) / divisor; });
  });
}

void mvn_backward(const Stream& stream, Index rows, Index length, const float* dy, const float* y,
                  const float* deviation, float* dx) {
  for_each_team(stream, rows, length, [=] OLMP_KERNEL(Team team, Index row) {
    const float* slopes = dy + row * length;
    const float* values = y + row * length;
    float* to = dx + row * length;
    const auto n = static_cast<double>(length);
    const auto mean = static_cast<float>(team.sum(length, [=](Index i) { return slopes[i]; }) / n);
    if (deviation == nullptr) {
      team.each(length, [=](Index i) { to[i] = slopes[i] - mean; });
      return;
    }
    const auto slope = static_cast<float>(
        team.sum(length, [=](Index i) { return static_cast<double>(values[i]) * slopes[i]; }) / n);
    const float divisor = deviation[row];
    team.each(length, [=](Index i) { to[i] = (slopes[i] - mean - values[i] * slope) / divisor; });
  });
}

}  // namespace olmp::cuda
