#include "cpu/kernels/elementwise.h"

#include <cmath>

namespace olmp::OLMP_ISA {

void multiply(float* out, const float* a, const float* b, std::int64_t n) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) out[i] = a[i] * b[i];
}

void fill(float* values, float value, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) values[i] = value;
}

void negative_power(float* out, const float* base, float power, std::int64_t n) {
  if (power == 0.75F) {  // AlexNet's and GoogLeNet's
#pragma omp simd
    for (std::int64_t i = 0; i < n; ++i) {
      const float root = std::sqrt(base[i]);
      out[i] = 1.0F / (root * std::sqrt(root));
    }
  } else if (power == 0.5F) {
#pragma omp simd
    for (std::int64_t i = 0; i < n; ++i) out[i] = 1.0F / std::sqrt(base[i]);
  } else {
    for (std::int64_t i = 0; i < n; ++i) out[i] = std::pow(base[i], -power);
  }
}

void add(float* to, const float* from, std::int64_t n) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) to[i] += from[i];
}

// Sixteen double accumulators in a fixed order, so that both instruction sets give the same sum.
constexpr int kLanes = 16;

double sum(const float* values, std::int64_t n) {
  double sums[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
#pragma omp simd
    for (int lane = 0; lane < kLanes; ++lane) sums[lane] += values[i + lane];
  }
  for (int lane = 0; i < n; ++i, ++lane) sums[lane] += values[i];
  double total = 0;
  for (const double part : sums) total += part;
  return total;
}

double sum_of_squares(const float* values, std::int64_t n) {
  double sums[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
#pragma omp simd
    for (int lane = 0; lane < kLanes; ++lane) {
      const double value = values[i + lane];
      sums[lane] += value * value;
    }
  }
  for (int lane = 0; i < n; ++i, ++lane) sums[lane] += static_cast<double>(values[i]) * values[i];
  double sum = 0;
  for (const double part : sums) sum += part;
  return sum;
}

void abs_moments(const float* values, std::int64_t n, Backend::AbsMoments* moments) {
  double sums[kLanes] = {};
  double squares[kLanes] = {};
  std::int64_t nonzero = 0;
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    int found = 0;
#pragma omp simd reduction(+ : found)
    for (int lane = 0; lane < kLanes; ++lane) {
      const double value = values[i + lane];
      sums[lane] += std::fabs(value);
      squares[lane] += value * value;
      found += values[i + lane] != 0 ? 1 : 0;
    }
    nonzero += found;
  }
  for (int lane = 0; i < n; ++i, ++lane) {
    const double value = values[i];
    sums[lane] += std::fabs(value);
    squares[lane] += value * value;
    nonzero += value != 0 ? 1 : 0;
  }
  for (int lane = 0; lane < kLanes; ++lane) {
    moments->sum += sums[lane];
    moments->sum_of_squares += squares[lane];
  }
  moments->nonzero += nonzero;
}

}  // namespace olmp::OLMP_ISA
