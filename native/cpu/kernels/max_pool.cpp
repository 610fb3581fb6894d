#include "cpu/kernels/max_pool.h"

#include <algorithm>
#include <cfloat>

#include "cpu/kernels/vector.h"

namespace olmp::OLMP_ISA {
namespace {

constexpr int kLanes = Vector::kLanes;

#ifdef __AVX512F__

using Indices = __m512i;

Indices broadcast(std::int32_t x) { return _mm512_set1_epi32(x); }
Indices ramp(std::int32_t first, std::int32_t step) {
  const Indices lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  return _mm512_add_epi32(_mm512_set1_epi32(first), _mm512_mullo_epi32(lanes, _mm512_set1_epi32(step)));
}
Indices plus(Indices a, std::int32_t x) { return _mm512_add_epi32(a, _mm512_set1_epi32(x)); }

// Elements 0, 2, 4, ... of two vectors in a row.
Vector evens(Vector low, Vector high) {
  const Indices even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  return {_mm512_permutex2var_ps(low.v, even, high.v)};
}

// Elements 1, 3, 5, ...
Vector odds(Vector low, Vector high) {
  const Indices odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  return {_mm512_permutex2var_ps(low.v, odd, high.v)};
}

// even[0], odd[0], even[1], odd[1], ...: the first and the second vector of them.
void interleave(Vector even, Vector odd, Vector* low, Vector* high) {
  const Indices first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const Indices second = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  low->v = _mm512_permutex2var_ps(even.v, first, odd.v);
  high->v = _mm512_permutex2var_ps(even.v, second, odd.v);
}

Indices load(const std::int32_t* from, int n) { return _mm512_maskz_loadu_epi32(Vector::mask(n), from); }

Vector where_equal(Indices a, Indices b, Vector value) {
  return {_mm512_maskz_mov_ps(_mm512_cmpeq_epi32_mask(a, b), value.v)};
}

// Where value > best (false for NaN, as in Caffe's comparison), takes value and its index.
void take_greater(Vector value, Indices index, Vector* best, Indices* at) {
  const __mmask16 greater = _mm512_cmp_ps_mask(value.v, best->v, _CMP_GT_OQ);
  best->v = _mm512_mask_mov_ps(best->v, greater, value.v);
  *at = _mm512_mask_mov_epi32(*at, greater, index);
}

void store(std::int32_t* to, Indices values, int n) { _mm512_mask_storeu_epi32(to, Vector::mask(n), values); }

#else

using Indices = __m256i;

Indices broadcast(std::int32_t x) { return _mm256_set1_epi32(x); }
Indices ramp(std::int32_t first, std::int32_t step) {
  const Indices lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_add_epi32(_mm256_set1_epi32(first), _mm256_mullo_epi32(lanes, _mm256_set1_epi32(step)));
}
Indices plus(Indices a, std::int32_t x) { return _mm256_add_epi32(a, _mm256_set1_epi32(x)); }

Vector evens(Vector low, Vector high) {
  const __m256d mixed = _mm256_castps_pd(_mm256_shuffle_ps(low.v, high.v, 0x88));
  return {_mm256_castpd_ps(_mm256_permute4x64_pd(mixed, 0xd8))};
}

Vector odds(Vector low, Vector high) {
  const __m256d mixed = _mm256_castps_pd(_mm256_shuffle_ps(low.v, high.v, 0xdd));
  return {_mm256_castpd_ps(_mm256_permute4x64_pd(mixed, 0xd8))};
}

void interleave(Vector even, Vector odd, Vector* low, Vector* high) {
  const __m256 a = _mm256_unpacklo_ps(even.v, odd.v);
  const __m256 b = _mm256_unpackhi_ps(even.v, odd.v);
  low->v = _mm256_permute2f128_ps(a, b, 0x20);
  high->v = _mm256_permute2f128_ps(a, b, 0x31);
}

Indices load(const std::int32_t* from, int n) { return _mm256_maskload_epi32(from, Vector::mask(n)); }

Vector where_equal(Indices a, Indices b, Vector value) {
  return {_mm256_and_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(a, b)), value.v)};
}

void take_greater(Vector value, Indices index, Vector* best, Indices* at) {
  const __m256 greater = _mm256_cmp_ps(value.v, best->v, _CMP_GT_OQ);
  best->v = _mm256_blendv_ps(best->v, value.v, greater);
  *at = _mm256_castps_si256(_mm256_blendv_ps(_mm256_castsi256_ps(*at), _mm256_castsi256_ps(index), greater));
}

void store(std::int32_t* to, Indices values, int n) { _mm256_maskstore_epi32(to, Vector::mask(n), values); }

#endif

template <int kStride>
void pool_row(const float* x, std::int32_t first, int width, int kernel_h, int kernel_w, int outputs, float* y,
              std::int32_t* chosen) {
  for (int column = 0; column < outputs; column += kLanes) {
    const int n = std::min(kLanes, outputs - column);
    Vector best = Vector::broadcast(-FLT_MAX);
    Indices at = broadcast(-1);
    const Indices corner = ramp(first + column * kStride, kStride);
    const int needed = (n - 1) * kStride + 1;  // floats of the row that these windows read at one tap
    for (int h = 0; h < kernel_h; ++h) {
      const float* row = x + static_cast<std::int64_t>(h) * width + column * kStride;
      for (int w = 0; w < kernel_w; ++w) {
        Vector value = Vector::load(row + w, std::min(kLanes, needed));
        if (kStride == 2) value = evens(value, Vector::load(row + w + kLanes, std::clamp(needed - kLanes, 0, kLanes)));
        take_greater(value, plus(corner, h * width + w), &best, &at);
      }
    }
    best.store(y + column, n);
    store(chosen + column, at, n);
  }
}

}  // namespace

bool max_pool_row(const float* x, std::int32_t first, int width, int kernel_h, int kernel_w, int stride, int outputs,
                  float* y, std::int32_t* chosen) {
  if (stride == 1) {
    pool_row<1>(x, first, width, kernel_h, kernel_w, outputs, y, chosen);
  } else if (stride == 2) {
    pool_row<2>(x, first, width, kernel_h, kernel_w, outputs, y, chosen);
  } else {
    return false;
  }
  return true;
}

void max_pool_2x2(const float* x, int height, int width, float* y, std::int32_t* chosen) {
  const int outputs = width / 2;
  for (int row = 0; row + 1 < height; row += 2, y += outputs, chosen += outputs) {
    const float* upper = x + static_cast<std::int64_t>(row) * width;
    for (int column = 0; column < outputs; column += kLanes) {
      const int n = std::min(kLanes, outputs - column);
      const int low = std::min(kLanes, 2 * n);
      const int high = 2 * n - low;
      const float* corner = upper + 2 * column;
      const Vector upper_low = Vector::load(corner, low);
      const Vector upper_high = Vector::load(corner + kLanes, high);
      const Vector lower_low = Vector::load(corner + width, low);
      const Vector lower_high = Vector::load(corner + width + kLanes, high);
      const Indices at_corner = ramp(row * width + 2 * column, 2);
      Vector best = Vector::broadcast(-FLT_MAX);
      Indices at = broadcast(-1);
      take_greater(evens(upper_low, upper_high), at_corner, &best, &at);
      take_greater(odds(upper_low, upper_high), plus(at_corner, 1), &best, &at);
      take_greater(evens(lower_low, lower_high), plus(at_corner, width), &best, &at);
      take_greater(odds(lower_low, lower_high), plus(at_corner, width + 1), &best, &at);
      best.store(y + column, n);
      store(chosen + column, at, n);
    }
  }
}

void max_pool_2x2_gradient(const float* dy, const std::int32_t* chosen, int height, int width, float* dx) {
  const int outputs = width / 2;
  for (int row = 0; row + 1 < height; row += 2, dy += outputs, chosen += outputs) {
    for (int column = 0; column < outputs; column += kLanes) {
      const int n = std::min(kLanes, outputs - column);
      const int first = std::min(kLanes, 2 * n);
      const Vector gradient = Vector::load(dy + column, n);
      const Indices at = load(chosen + column, n);
      const Indices corner = ramp(row * width + 2 * column, 2);
      for (int lower = 0; lower < 2; ++lower) {
        Vector low;
        Vector high;
        interleave(where_equal(at, plus(corner, lower * width), gradient),
                   where_equal(at, plus(corner, lower * width + 1), gradient), &low, &high);
        float* to = dx + static_cast<std::int64_t>(row + lower) * width + 2 * column;
        low.store(to, first);
        if (2 * n > first) high.store(to + kLanes, 2 * n - first);
      }
    }
  }
}

}  // namespace olmp::OLMP_ISA
