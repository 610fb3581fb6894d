// Which items of a dataset are set aside for validation.
#pragma once

#include <cstdint>
#include <vector>

namespace olmp {

// `count` items, in ascending order: drawn at random, of every label its share to within one. The draw depends on the labels
// and the count alone, so that every run over a dataset sets the same items aside, and a smaller part lies in a larger one.
std::vector<std::uint64_t> held_out(const std::vector<int>& labels, std::uint64_t count);

// The others, in ascending order. `held` ascends.
std::vector<std::uint64_t> all_but(const std::vector<std::uint64_t>& held, std::uint64_t entries);

}  // namespace olmp
