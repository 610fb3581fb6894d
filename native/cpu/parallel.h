// Splitting loops over OpenMP threads. Pieces are fixed by the sizes and the thread count alone, so that a run repeats bit
// for bit at the same thread count.
#pragma once

#include <algorithm>
#include <cstdint>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace olmp {

// Calls body(begin, end) on contiguous pieces of [0, n), one per thread; on the calling thread alone where a piece would
// have fewer than `grain` items.
template <typename Body>
void parallel_for(int threads, std::int64_t n, std::int64_t grain, const Body& body) {
#ifdef _OPENMP
  const std::int64_t pieces = std::min<std::int64_t>(threads, n / std::max<std::int64_t>(grain, 1));
  if (pieces > 1) {
#pragma omp parallel for num_threads(static_cast<int>(pieces)) schedule(static, 1)
    for (std::int64_t p = 0; p < pieces; ++p) body(n * p / pieces, n * (p + 1) / pieces);
    return;
  }
#endif
  if (n > 0) body(std::int64_t{0}, n);
}

}  // namespace olmp
