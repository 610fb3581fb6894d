// Masks by thresholds, and lists of what they keep.
#include <cmath>

#include "cpu/kernels/elementwise.h"
#include "cpu/kernels/vector.h"

namespace olmp::OLMP_ISA {

std::int64_t update_mask(float* mask, const float* values, float prune_at, float keep_above, std::int64_t n) {
  std::int64_t kept = 0;
#pragma omp simd reduction(+ : kept)
  for (std::int64_t i = 0; i < n; ++i) {
    const float limit = mask[i] != 0.0F ? prune_at : keep_above;
    const bool keep = std::fabs(values[i]) > limit;
    mask[i] = keep ? 1.0F : 0.0F;
    kept += keep ? 1 : 0;
  }
  return kept;
}

#ifdef __AVX512F__

std::int64_t remask(float* mask, float* masked, const float* values, float prune_at, float keep_above, std::int64_t n,
                    bool& changed) {
  std::int64_t kept = 0;
  const __m512 low = _mm512_set1_ps(prune_at);
  const __m512 high = _mm512_set1_ps(keep_above);
  for (std::int64_t i = 0; i < n; i += 16) {
    const __mmask16 there = n - i < 16 ? Vector::mask(static_cast<int>(n - i)) : __mmask16{0xffff};
    const __m512 own = _mm512_maskz_loadu_ps(there, values + i);
    const __m512 before = _mm512_maskz_loadu_ps(there, mask + i);
    const __mmask16 was = _mm512_cmp_ps_mask(before, _mm512_setzero_ps(), _CMP_NEQ_UQ);
    const __m512 limit = _mm512_mask_mov_ps(high, was, low);
    const __mmask16 keep = _mm512_mask_cmp_ps_mask(there, _mm512_abs_ps(own), limit, _CMP_GT_OQ);
    kept += __builtin_popcount(keep);
    if (keep == was) continue;
    changed = true;
    _mm512_mask_storeu_ps(mask + i, there, _mm512_maskz_mov_ps(keep, _mm512_set1_ps(1)));
    _mm512_mask_storeu_ps(masked + i, there, _mm512_maskz_mov_ps(keep, own));
  }
  return kept;
}

void keep_masked(float* masked, const float* values, const float* mask, std::int64_t n) {
  for (std::int64_t i = 0; i < n; i += 16) {
    const __mmask16 there = n - i < 16 ? Vector::mask(static_cast<int>(n - i)) : __mmask16{0xffff};
    const __mmask16 kept =
        _mm512_cmp_ps_mask(_mm512_maskz_loadu_ps(there, mask + i), _mm512_setzero_ps(), _CMP_NEQ_UQ);
    if (kept == 0) continue;
    _mm512_mask_storeu_ps(masked + i, kept, _mm512_maskz_loadu_ps(kept, values + i));
  }
}

std::int64_t nonzero(const float* values, std::int64_t n, std::int32_t first, std::int32_t* places) {
  std::int64_t found = 0;
  __m512i at = _mm512_add_epi32(_mm512_set1_epi32(first), _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
  for (std::int64_t i = 0; i < n; i += 16, at = _mm512_add_epi32(at, _mm512_set1_epi32(16))) {
    const __mmask16 there = n - i < 16 ? Vector::mask(static_cast<int>(n - i)) : __mmask16{0xffff};
    const __m512 own = _mm512_maskz_loadu_ps(there, values + i);
    const __mmask16 chosen = _mm512_cmp_ps_mask(own, _mm512_setzero_ps(), _CMP_NEQ_UQ);
    if (chosen == 0) continue;
    _mm512_storeu_si512(places + found, _mm512_maskz_compress_epi32(chosen, at));
    found += __builtin_popcount(chosen);
  }
  return found;
}

#else

void keep_masked(float* masked, const float* values, const float* mask, std::int64_t n) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) masked[i] = values[i] * mask[i];
}

std::int64_t remask(float* mask, float* masked, const float* values, float prune_at, float keep_above, std::int64_t n,
                    bool& changed) {
  std::int64_t kept = 0;
  int changes = 0;
#pragma omp simd reduction(+ : kept, changes)
  for (std::int64_t i = 0; i < n; ++i) {
    const bool was = mask[i] != 0.0F;
    const bool keep = std::fabs(values[i]) > (was ? prune_at : keep_above);
    mask[i] = keep ? 1.0F : 0.0F;
    masked[i] = keep ? values[i] : 0.0F;
    kept += keep ? 1 : 0;
    changes += keep != was ? 1 : 0;
  }
  changed = changed || changes > 0;
  return kept;
}

std::int64_t nonzero(const float* values, std::int64_t n, std::int32_t first, std::int32_t* places) {
  std::int64_t found = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    places[found] = first + static_cast<std::int32_t>(i);
    found += values[i] != 0.0F ? 1 : 0;
  }
  return found;
}

#endif

}  // namespace olmp::OLMP_ISA
