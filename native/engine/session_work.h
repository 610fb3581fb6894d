// What a step on a device is: part of the key that tells recordings of different work apart.
#pragma once

#include <cstdint>

namespace olmp::work {

inline constexpr std::uint64_t kTest = 1;
inline constexpr std::uint64_t kCandidate = 2;
inline constexpr std::uint64_t kTeach = 3;
inline constexpr std::uint64_t kSquares = 4;
inline constexpr std::uint64_t kPopulation = 5;
inline constexpr std::uint64_t kSequence = 6;  // a population whose masks stay
inline constexpr std::uint64_t kRanked = 7;    // masks of a population by ranks
inline constexpr std::uint64_t kSample = 8;          // a population's pass over part of its data
inline constexpr std::uint64_t kCandidateMasks = 9;  // a population's masks alone
inline constexpr std::uint64_t kSettle = 10;
inline constexpr std::uint64_t kGradients = 11;
inline constexpr std::uint64_t kPass = 16;      // of training
inline constexpr std::uint64_t kFirstPass = 1;  // added to kPass
inline constexpr std::uint64_t kLastPass = 2;
inline constexpr std::uint64_t kRemask = 4;

}  // namespace olmp::work
