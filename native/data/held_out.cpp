#include "data/held_out.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>
#include <utility>

#include "engine/random.h"

namespace olmp {
namespace {

constexpr std::uint64_t kSeed = 0x6f6c6d70;  // any fixed number

}  // namespace

std::vector<std::uint64_t> held_out(const std::vector<int>& labels, std::uint64_t count) {
  std::vector<std::uint64_t> items(labels.size());
  std::iota(items.begin(), items.end(), std::uint64_t{0});
  Random random(kSeed);
  for (std::size_t i = items.size(); i > 1; --i) {
    std::swap(items[i - 1], items[random.below(static_cast<std::uint32_t>(i))]);
  }
  std::unordered_map<int, std::uint64_t> of_label;
  for (const int label : labels) ++of_label[label];
  // In the order of how far each item lies through its label's own, every beginning has each label's share.
  std::unordered_map<int, std::uint64_t> seen;
  std::vector<std::pair<double, std::uint64_t>> places;
  places.reserve(items.size());
  for (const std::uint64_t item : items) {
    const int label = labels[item];
    places.emplace_back((static_cast<double>(seen[label]++) + 0.5) / static_cast<double>(of_label[label]), item);
  }
  std::stable_sort(places.begin(), places.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::uint64_t> held;
  for (std::uint64_t i = 0; i < count && i < places.size(); ++i) held.push_back(places[i].second);
  std::sort(held.begin(), held.end());
  return held;
}

std::vector<std::uint64_t> all_but(const std::vector<std::uint64_t>& held, std::uint64_t entries) {
  std::vector<std::uint64_t> others;
  auto next = held.begin();
  for (std::uint64_t item = 0; item < entries; ++item) {
    if (next != held.end() && *next == item) {
      ++next;
    } else {
      others.push_back(item);
    }
  }
  return others;
}

}  // namespace olmp
