// Which of a few candidates a maximum came from, a number per lane of a vector.
#pragma once

#include <cstdint>
#include <cstring>

#include "cpu/kernels/vector.h"

namespace olmp::OLMP_ISA {

#ifdef __AVX512F__

struct Choice {
  __m512i v;
  static Choice none() { return {_mm512_set1_epi32(-1)}; }
  static Choice load(const std::int8_t* from) { return load(from, Vector::kLanes); }
  static Choice load(const std::int8_t* from, int n) {
    return {_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(Vector::mask(n), from))};
  }
  void store(std::int8_t* to) const { store(to, Vector::kLanes); }
  void store(std::int8_t* to, int n) const { _mm512_mask_cvtepi32_storeu_epi8(to, Vector::mask(n), v); }
  // The lanes of `values` where candidate `number` was chosen; 0 elsewhere.
  Vector where(int number, Vector values) const {
    return {_mm512_maskz_mov_ps(_mm512_cmpeq_epi32_mask(v, _mm512_set1_epi32(number)), values.v)};
  }
};

// Takes the lanes of `candidate` that are greater than the maximum so far. A NaN is never greater.
inline void take_greater(Vector candidate, int number, Vector& maximum, Choice& choice) {
  const __mmask16 greater = _mm512_cmp_ps_mask(candidate.v, maximum.v, _CMP_GT_OQ);
  maximum.v = _mm512_mask_mov_ps(maximum.v, greater, candidate.v);
  choice.v = _mm512_mask_set1_epi32(choice.v, greater, number);
}

#else

struct Choice {
  __m256i v;
  static Choice none() { return {_mm256_set1_epi32(-1)}; }
  static Choice load(const std::int8_t* from) {
    return {_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)))};
  }
  static Choice load(const std::int8_t* from, int n) {
    std::int8_t bytes[Vector::kLanes] = {};
    std::memcpy(bytes, from, static_cast<std::size_t>(n));
    return load(bytes);
  }
  void store(std::int8_t* to) const {
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_packs_epi16(words, words));
  }
  void store(std::int8_t* to, int n) const {
    std::int8_t bytes[Vector::kLanes];
    store(bytes);
    std::memcpy(to, bytes, static_cast<std::size_t>(n));
  }
  Vector where(int number, Vector values) const {
    const __m256i chosen = _mm256_cmpeq_epi32(v, _mm256_set1_epi32(number));
    return {_mm256_and_ps(_mm256_castsi256_ps(chosen), values.v)};
  }
};

inline void take_greater(Vector candidate, int number, Vector& maximum, Choice& choice) {
  const __m256 greater = _mm256_cmp_ps(candidate.v, maximum.v, _CMP_GT_OQ);
  maximum.v = _mm256_blendv_ps(maximum.v, candidate.v, greater);
  choice.v = _mm256_blendv_epi8(choice.v, _mm256_set1_epi32(number), _mm256_castps_si256(greater));
}

#endif

}  // namespace olmp::OLMP_ISA
