// How finely the light layers split their loops over threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cpu/parallel.h"

namespace olmp {

// A thread with fewer elements than this costs more to wake than it saves.
inline constexpr std::int64_t kGrainElements = 32768;

// Calls body(begin, end) on ranges that cover [0, items); an item stands for `elements_each` elements of work. Items
// must be independent of each other: then results do not depend on the number of threads.
template <class Body>
void for_each_range(int threads, std::int64_t items, std::int64_t elements_each, const Body& body) {
  const std::int64_t grain = kGrainElements / std::max<std::int64_t>(1, elements_each);
  parallel_for(threads, items, std::max<std::int64_t>(1, grain), body);
}

template <class Body>
void for_each_range(int threads, std::int64_t elements, const Body& body) {
  for_each_range(threads, elements, 1, body);
}

}  // namespace olmp
