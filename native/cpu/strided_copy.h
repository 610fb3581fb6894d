// Moving blocks between a whole blob and one part of it along an axis (Concat, Slice).
#pragma once

#include <cstdint>
#include <cstring>

#include "cpu/ranges.h"

namespace olmp {

// Copies `rows` rows of `length` floats between arrays whose rows are `to_stride` and `from_stride` apart.
inline void copy_rows(int threads, float* to, std::int64_t to_stride, const float* from, std::int64_t from_stride,
                      std::int64_t rows, std::int64_t length) {
  if (to == from && to_stride == from_stride) return;  // aliased by the net
  for_each_range(threads, rows, length, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      std::memcpy(to + row * to_stride, from + row * from_stride, static_cast<std::size_t>(length) * sizeof(float));
    }
  });
}

}  // namespace olmp
