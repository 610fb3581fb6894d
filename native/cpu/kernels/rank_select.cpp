#include "cpu/kernels/rank_select.h"

#include "cpu/kernels/vector.h"

namespace olmp::OLMP_ISA {
namespace {

#ifdef __AVX512F__

__mmask16 inside(const RankSpan& span, __m512i keys) {
  const __m512i from_begin = _mm512_sub_epi32(keys, _mm512_set1_epi32(2 * span.begin));
  const __mmask16 within = _mm512_cmplt_epu32_mask(from_begin, _mm512_set1_epi32(2 * (span.end - span.begin)));
  return span.as_before ? _mm512_mask_testn_epi32_mask(within, keys, _mm512_set1_epi32(1)) : within;
}

std::int64_t select(const RankSpan* spans, std::int64_t count, const RankedEntries& from, std::int64_t n,
                    const RankedEntries& to) {
  std::int64_t found = 0;
  for (std::int64_t i = 0; i < n; i += 16) {
    const __mmask16 there = n - i < 16 ? Vector::mask(static_cast<int>(n - i)) : __mmask16{0xffff};
    const __m512i keys = _mm512_maskz_loadu_epi32(there, from.key + i);
    __mmask16 chosen = 0;
    for (std::int64_t s = 0; s < count; ++s) chosen = static_cast<__mmask16>(chosen | inside(spans[s], keys));
    chosen = static_cast<__mmask16>(chosen & there);
    if (chosen == 0) continue;
    const __m512i offsets = _mm512_maskz_loadu_epi32(chosen, from.offset + i);
    const __m512 values = _mm512_maskz_loadu_ps(chosen, from.value + i);
    _mm512_storeu_si512(to.offset + found, _mm512_maskz_compress_epi32(chosen, offsets));
    _mm512_storeu_ps(to.value + found, _mm512_maskz_compress_ps(chosen, values));
    if (to.key != nullptr) _mm512_storeu_si512(to.key + found, _mm512_maskz_compress_epi32(chosen, keys));
    found += __builtin_popcount(chosen);
  }
  return found;
}

#else

bool inside(const RankSpan& span, std::int32_t key) {
  const auto from_begin = static_cast<std::uint32_t>(key - 2 * span.begin);
  return from_begin < static_cast<std::uint32_t>(2 * (span.end - span.begin)) && !(span.as_before && (key & 1) != 0);
}

std::int64_t select(const RankSpan* spans, std::int64_t count, const RankedEntries& from, std::int64_t n,
                    const RankedEntries& to) {
  std::int64_t found = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    bool chosen = false;
    for (std::int64_t s = 0; s < count; ++s) chosen |= inside(spans[s], from.key[i]);
    // Written in any case: the next one overwrites it where it was not chosen, which no branch has to foretell.
    to.offset[found] = from.offset[i];
    to.value[found] = from.value[i];
    if (to.key != nullptr) to.key[found] = from.key[i];
    found += chosen ? 1 : 0;
  }
  return found;
}

#endif

}  // namespace

const RankKernels& rank_kernels() {
  static const RankKernels table{select};
  return table;
}

}  // namespace olmp::OLMP_ISA
