#include "engine/ranking.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

namespace olmp {
namespace {

constexpr int kDigitBits = 11;
constexpr std::size_t kDigits = std::size_t{1} << kDigitBits;

struct Entry {
  std::uint32_t key;  // sorts as the floats do, the other way round
  std::int32_t element;
};

// Floats that are not negative sort as their bits do.
std::uint32_t sort_key(float key) {
  if (!(key >= 0)) return std::numeric_limits<std::uint32_t>::max();
  std::uint32_t bits = 0;
  const float positive = key + 0.0F;  // of the two zeros, the one without a sign
  std::memcpy(&bits, &positive, sizeof bits);
  return ~bits - 1U;  // before those that come last
}

// A stable radix sort.
void sort(std::vector<Entry>& entries) {
  std::vector<Entry> other(entries.size());
  for (int shift = 0; shift < 32; shift += kDigitBits) {
    std::array<std::size_t, kDigits> place{};
    for (const Entry& entry : entries) ++place[(entry.key >> shift) & (kDigits - 1)];
    std::size_t sum = 0;
    for (std::size_t& start : place) {
      const std::size_t count = start;
      start = sum;
      sum += count;
    }
    for (const Entry& entry : entries) other[place[(entry.key >> shift) & (kDigits - 1)]++] = entry;
    entries.swap(other);
  }
}

}  // namespace

Ranking::Ranking(const std::vector<float>& keys, const std::vector<std::uint8_t>& kept)
    : keys_(keys.size()), rank_(keys.size()), kept_(kept), kept_below_(keys.size() + 1) {
  std::vector<Entry> entries(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) entries[i] = {sort_key(keys[i]), static_cast<std::int32_t>(i)};
  sort(entries);
  for (std::size_t r = 0; r < entries.size(); ++r) {
    const auto element = static_cast<std::size_t>(entries[r].element);
    keys_[r] = keys[element] >= 0 ? keys[element] : -1.0F;
    rank_[element] = static_cast<std::int32_t>(r);
    kept_below_[r + 1] = kept_below_[r] + (kept_[element] != 0 ? 1 : 0);
  }
}

std::int32_t Ranking::above(float limit) const {
  const auto first = std::partition_point(keys_.begin(), keys_.end(), [&](float key) { return key > limit; });
  return static_cast<std::int32_t>(first - keys_.begin());
}

RankedMask Ranking::as_before() const {
  if (rank_.empty()) return {};
  return {{0, size(), true}};
}

RankedMask Ranking::first(std::int32_t count) const {
  if (count <= 0) return {};
  return {{0, std::min(count, size()), false}};
}

RankedMask Ranking::after(const RankedMask& mask, float prune_at, float keep_above) const {
  const std::int32_t kept = above(keep_above);
  const std::int32_t end = std::max(above(prune_at), kept);
  RankedMask result = first(kept);
  for (const RankSpan& span : mask) {
    const RankSpan left{std::max(span.begin, kept), std::min(span.end, end), span.as_before};
    if (left.begin < left.end) result.push_back(left);
  }
  if (result.size() > 1 && !result[1].as_before && result[0].end == result[1].begin) {
    result[0].end = result[1].end;
    result.erase(result.begin() + 1);
  }
  return result;
}

std::int64_t Ranking::count(const RankedMask& mask) const {
  std::int64_t total = 0;
  for (const RankSpan& span : mask) {
    total += span.as_before ? kept_below_[static_cast<std::size_t>(span.end)] - kept_below_[static_cast<std::size_t>(span.begin)]
                            : span.end - span.begin;
  }
  return total;
}

bool Ranking::keeps(const RankedMask& mask, std::size_t element) const {
  const std::int32_t rank = rank_[element];
  return std::any_of(mask.begin(), mask.end(), [&](const RankSpan& span) {
    return rank >= span.begin && rank < span.end && (!span.as_before || kept_[element] != 0);
  });
}

void Ranking::fill(const RankedMask& mask, std::size_t first, std::size_t n, float* to) const {
  const std::int32_t* rank = rank_.data() + first;
  const std::uint8_t* kept = kept_.data() + first;
  std::fill(to, to + n, 0.0F);
  for (const RankSpan& span : mask) {
    const auto length = static_cast<std::uint32_t>(span.end - span.begin);
    const std::uint8_t always = span.as_before ? 0 : 1;
    for (std::size_t i = 0; i < n; ++i) {
      const bool inside = static_cast<std::uint32_t>(rank[i] - span.begin) < length && (kept[i] | always) != 0;
      to[i] = inside ? 1.0F : to[i];
    }
  }
}

std::int64_t Ranking::memory_bytes() const {
  return static_cast<std::int64_t>(keys_.size() * (sizeof(float) + 2 * sizeof(std::int32_t) + 1));
}

}  // namespace olmp
