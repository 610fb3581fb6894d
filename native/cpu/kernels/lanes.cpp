#include "cpu/kernels/lanes.h"

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "cpu/kernels/vector.h"

namespace olmp::OLMP_ISA {
namespace {

void relu(const float* x, float slope, std::int64_t n, float* y) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) y[i] = x[i] > 0.0F ? x[i] : slope * x[i];
}

void relu_gradient(const float* y, const float* dy, float slope, std::int64_t n, float* dx) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) dx[i] = y[i] > 0.0F ? dy[i] : slope * dy[i];
}

struct Window {
  int first[2];  // clipped to the image
  int last[2];
  int origin[2];  // of the whole window, which may lie in the padding
  float share;    // of an average: one over its size in the padded image
};

Window window_of(const LanePooling& p, int row, int column) {
  Window w{};
  const int at[2] = {row, column};
  int size = 1;
  for (int a = 0; a < 2; ++a) {
    w.origin[a] = at[a] * p.stride[a] - p.pad[a];
    const int end = std::min(w.origin[a] + p.kernel[a], p.input[a] + p.pad[a]);
    size *= end - w.origin[a];
    w.first[a] = std::max(w.origin[a], 0);
    w.last[a] = std::min(end, p.input[a]);
  }
  w.share = 1.0F / static_cast<float>(size);
  return w;
}

// Calls body(window, offset of the plane in x, offset of the window in y) in the order of y.
template <typename Body>
void for_windows(const LanePooling& p, int lanes, const Body& body) {
  std::int64_t to = 0;
  for (int channel = 0; channel < p.channels; ++channel) {
    const std::int64_t plane = static_cast<std::int64_t>(channel) * p.input[0] * p.input[1] * lanes;
    for (int row = 0; row < p.output[0]; ++row) {
      for (int column = 0; column < p.output[1]; ++column, to += lanes) body(window_of(p, row, column), plane, to);
    }
  }
}

// Calls body(offset of the point in its plane, place in the kernel).
template <typename Body>
void for_points(const LanePooling& p, int lanes, const Window& w, const Body& body) {
  for (int row = w.first[0]; row < w.last[0]; ++row) {
    for (int column = w.first[1]; column < w.last[1]; ++column) {
      const int place = (row - w.origin[0]) * p.kernel[1] + column - w.origin[1];
      body((static_cast<std::int64_t>(row) * p.input[1] + column) * lanes, place);
    }
  }
}

void max_pool(const LanePooling& p, int lanes, const float* x, float* y, std::int32_t* chosen) {
  for_windows(p, lanes, [&](const Window& w, std::int64_t plane, std::int64_t to) {
    float* best = y + to;
    std::int32_t* place = chosen + to;
    std::fill(best, best + lanes, -FLT_MAX);
    std::fill(place, place + lanes, -1);
    for_points(p, lanes, w, [&](std::int64_t at, int k) {
      const float* from = x + plane + at;
#pragma omp simd
      for (int i = 0; i < lanes; ++i) {
        const bool greater = from[i] > best[i];
        best[i] = greater ? from[i] : best[i];
        place[i] = greater ? k : place[i];
      }
    });
  });
}

void max_pool_gradient(const LanePooling& p, int lanes, const float* dy, const std::int32_t* chosen, float* dx) {
  std::fill(dx, dx + static_cast<std::int64_t>(p.channels) * p.input[0] * p.input[1] * lanes, 0.0F);
  for_windows(p, lanes, [&](const Window& w, std::int64_t plane, std::int64_t from) {
    for_points(p, lanes, w, [&](std::int64_t at, int k) {
      float* to = dx + plane + at;
#pragma omp simd
      for (int i = 0; i < lanes; ++i) to[i] += chosen[from + i] == k ? dy[from + i] : 0.0F;
    });
  });
}

void average_pool(const LanePooling& p, int lanes, const float* x, float* y) {
  for_windows(p, lanes, [&](const Window& w, std::int64_t plane, std::int64_t to) {
    float* sum = y + to;
    std::fill(sum, sum + lanes, 0.0F);
    for_points(p, lanes, w, [&](std::int64_t at, int) {
      const float* from = x + plane + at;
#pragma omp simd
      for (int i = 0; i < lanes; ++i) sum[i] += from[i];
    });
#pragma omp simd
    for (int i = 0; i < lanes; ++i) sum[i] *= w.share;
  });
}

void average_pool_gradient(const LanePooling& p, int lanes, const float* dy, float* dx) {
  std::fill(dx, dx + static_cast<std::int64_t>(p.channels) * p.input[0] * p.input[1] * lanes, 0.0F);
  for_windows(p, lanes, [&](const Window& w, std::int64_t plane, std::int64_t from) {
    for_points(p, lanes, w, [&](std::int64_t at, int) {
      float* to = dx + plane + at;
#pragma omp simd
      for (int i = 0; i < lanes; ++i) to[i] += w.share * dy[from + i];
    });
  });
}

// e^x for x <= 0, within two units in the last place; 0 below the smallest normal number. 2^n e^r with |r| <= ln 2 / 2, the
// polynomial is that of Cephes' expf.
Vector exp_of_negative(Vector x) {
  const Vector smallest = Vector::broadcast(-87.3365448F);
  const Vector clipped = max(smallest, x);  // in this order a NaN stays one
  const Vector n = round(clipped * Vector::broadcast(1.44269504088896341F));
  Vector r = fma(n, Vector::broadcast(-0.693359375F), clipped);
  r = fma(n, Vector::broadcast(2.12194440e-4F), r);
  Vector p = Vector::broadcast(1.9875691500e-4F);
  for (const float next : {1.3981999507e-3F, 8.3334519073e-3F, 4.1665795894e-2F, 1.6666665459e-1F, 5.0000001201e-1F}) {
    p = fma(p, r, Vector::broadcast(next));
  }
  const Vector value = fma(p, r * r, r + Vector::broadcast(1.0F)) * power_of_two(n);
  return zero_where_less(x, smallest, value);
}

// softmax(z / temperature) of one vector of lanes, z(c) the logits of class c: calls take(c, probability).
template <typename Logits, typename Take>
void softmax_of(int classes, float temperature, const Logits& z, const Take& take) {
  Vector largest = z(0);
  for (int c = 1; c < classes; ++c) largest = max(z(c), largest);
  const Vector factor = Vector::broadcast(1.0F / temperature);
  const auto power = [&](int c) { return exp_of_negative((z(c) - largest) * factor); };
  Vector sum = Vector::zero();
  for (int c = 0; c < classes; ++c) sum = sum + power(c);
  for (int c = 0; c < classes; ++c) take(c, power(c) / sum);
}

void softmax(const LaneSoftmax& s, float* probabilities, float* losses) {
  for (int first = 0; first < s.lanes; first += Vector::kLanes) {
    const auto at = [&](int c) { return static_cast<std::int64_t>(c) * s.lanes + first; };
    softmax_of(s.classes, 1, [&](int c) { return Vector::load(s.z + at(c)); },
               [&](int c, Vector p) { p.store(probabilities + at(c)); });
  }
  for (int i = 0; i < s.lanes; ++i) {
    losses[i] = 0;
    if (s.labels[i] < 0) continue;
    const float probability = probabilities[static_cast<std::int64_t>(s.labels[i]) * s.lanes + i];
    losses[i] = -std::log(std::max(probability, FLT_MIN));  // FLT_MIN second, so that a NaN stays one
  }
}

// dz = (1 - weight) dz + weight T (softmax(z / T) - softmax(t / T)) for the vector of lanes that begins with lane `first`.
void distil(const LaneSoftmax& s, const float* teacher, int images, float weight, float temperature, int first, float* dz) {
  const auto at = [&](int c) { return static_cast<std::int64_t>(c) * s.lanes + first; };
  const Vector factor = Vector::broadcast(weight * temperature);
  const Vector minus = Vector::broadcast(-weight * temperature);
  const Vector rest = Vector::broadcast(1.0F - weight);
  softmax_of(s.classes, temperature, [&](int c) { return Vector::load(s.z + at(c)); },
             [&](int c, Vector own) { fma(factor, own, rest * Vector::load(dz + at(c))).store(dz + at(c)); });
  const auto logits = [&](int c) {
    float row[Vector::kLanes] = {};
    for (int i = 0; i < Vector::kLanes && first + i < images; ++i) {
      row[i] = teacher[static_cast<std::int64_t>(first + i) * s.classes + c];
    }
    return Vector::load(row);
  };
  softmax_of(s.classes, temperature, logits,
             [&](int c, Vector theirs) { fma(minus, theirs, Vector::load(dz + at(c))).store(dz + at(c)); });
}

void softmax_gradient(const LaneSoftmax& s, const float* probabilities, const float* teacher, int images, float weight,
                      float temperature, float scale, float* dz) {
  std::copy(probabilities, probabilities + static_cast<std::int64_t>(s.classes) * s.lanes, dz);
  for (int i = 0; i < s.lanes; ++i) {
    if (s.labels[i] >= 0) dz[static_cast<std::int64_t>(s.labels[i]) * s.lanes + i] -= 1.0F;
  }
  if (weight > 0) {
    for (int first = 0; first < s.lanes; first += Vector::kLanes) {
      distil(s, teacher, images, weight, temperature, first, dz);
    }
  }
  for (int c = 0; c < s.classes; ++c, dz += s.lanes) {
    for (int i = 0; i < s.lanes; ++i) dz[i] = s.labels[i] < 0 ? 0.0F : scale * dz[i];
  }
}

void rank(const LaneSoftmax& s, std::int32_t* better) {
  std::fill(better, better + s.lanes, -1);  // the class itself will be counted
  for (int first = 0; first < s.lanes; first += Vector::kLanes) {
    float own[Vector::kLanes];
    for (int i = 0; i < Vector::kLanes; ++i) {
      const std::int64_t label = std::max(s.labels[first + i], 0);
      own[i] = s.z[label * s.lanes + first + i];
    }
    for (int c = 0; c < s.classes; ++c) {
      const float* z = s.z + static_cast<std::int64_t>(c) * s.lanes + first;
#pragma omp simd
      for (int i = 0; i < Vector::kLanes; ++i) better[first + i] += z[i] < own[i] ? 0 : 1;
    }
  }
}

}  // namespace

const LaneKernels& lane_kernels() {
  static const LaneKernels table{relu,         relu_gradient,         max_pool, max_pool_gradient,
                                 average_pool, average_pool_gradient, softmax,  softmax_gradient,
                                 rank};
  return table;
}

}  // namespace olmp::OLMP_ISA
