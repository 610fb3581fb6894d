// The elements of a layer in falling order of a key (magnitude, score), and masks that keep ranges of that order: how many a
// threshold keeps is a binary search, and which is a comparison of ranks.
#pragma once

#include <cstdint>
#include <vector>

namespace olmp {

// Ranks [begin, end) of an order: all of them are kept, or those that the mask at the beginning kept.
struct RankSpan {
  std::int32_t begin = 0;
  std::int32_t end = 0;
  bool as_before = false;
};

inline bool operator==(const RankSpan& a, const RankSpan& b) {
  return a.begin == b.begin && a.end == b.end && a.as_before == b.as_before;
}
inline bool operator<(const RankSpan& a, const RankSpan& b) {
  if (a.begin != b.begin) return a.begin < b.begin;
  if (a.end != b.end) return a.end < b.end;
  return a.as_before < b.as_before;
}

// What a mask keeps: spans in order, none empty, none overlapping.
using RankedMask = std::vector<RankSpan>;

class Ranking {
 public:
  // By element: its key, and whether the mask at the beginning keeps it. Elements with a negative key or a NaN come last, and
  // are above no limit. Of equal keys the first element comes first.
  Ranking(const std::vector<float>& keys, const std::vector<std::uint8_t>& kept);

  std::int32_t size() const { return static_cast<std::int32_t>(rank_.size()); }
  // Elements whose key is above the limit, that is, the first rank whose is not.
  std::int32_t above(float limit) const;
  // By element.
  std::int32_t rank(std::size_t element) const { return rank_[element]; }
  bool kept_before(std::size_t element) const { return kept_[element] != 0; }

  RankedMask as_before() const;
  RankedMask first(std::int32_t count) const;
  // `mask` after a threshold: what is above `keep_above` is kept, what is not above `prune_at` is pruned, what lies between
  // stays as it is (Guo, Yao, Chen 2016).
  RankedMask after(const RankedMask& mask, float prune_at, float keep_above) const;
  std::int64_t count(const RankedMask& mask) const;
  bool keeps(const RankedMask& mask, std::size_t element) const;
  // 1 where the mask keeps one of the n elements from `first` on, else 0.
  void fill(const RankedMask& mask, std::size_t first, std::size_t n, float* to) const;
  std::int64_t memory_bytes() const;

 private:
  std::vector<float> keys_;               // by rank
  std::vector<std::int32_t> rank_;        // by element
  std::vector<std::uint8_t> kept_;        // by element
  std::vector<std::int32_t> kept_below_;  // by rank: how many with a smaller rank the mask at the beginning keeps
};

}  // namespace olmp
