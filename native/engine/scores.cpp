#include "engine/scores.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <string>

#include "engine/error.h"

namespace olmp {

Scores::Scores(Backend& backend, const ParameterStore& parameters, std::size_t layers)
    : backend_(backend), parameters_(parameters), layers_(layers), scores_(parameters.all().size()) {
  for (std::size_t i = 0; i < scores_.size(); ++i) {
    const Parameter& parameter = *parameters.all()[i];
    if (parameter.prunable >= 0) scores_[i].resize(static_cast<std::size_t>(parameter.tensor.count()));
  }
}

std::vector<float>& Scores::of(const Parameter& parameter) {
  const auto& all = parameters_.all();
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& other) { return other.get() == &parameter; });
  return scores_.at(static_cast<std::size_t>(found - all.begin()));
}

std::int64_t Scores::memory_bytes() const {
  std::size_t floats = 0;
  for (const auto& scores : scores_) floats += scores.size();
  if (!ranks_.empty()) floats *= 2;
  return static_cast<std::int64_t>(floats * sizeof(float));
}

Scores::Kept Scores::kept_of(std::size_t layer) const {
  Kept kept;
  const auto& all = parameters_.all();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Parameter& parameter = *all[i];
    if (parameter.prunable != static_cast<int>(layer)) continue;
    std::vector<float> mask(static_cast<std::size_t>(parameter.tensor.count()), 1.0F);
    if (parameter.mask != nullptr) backend_.copy_out(mask.data(), parameter.mask, parameter.tensor.count());
    kept.parameters.push_back(i);
    kept.masks.push_back(std::move(mask));
  }
  return kept;
}

void Scores::append_kept_scores(const Kept& kept, std::vector<float>& to) const {
  for (std::size_t k = 0; k < kept.parameters.size(); ++k) {
    const std::vector<float>& scores = scores_[kept.parameters[k]];
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (kept.masks[k][i] != 0.0F) to.push_back(scores[i]);
    }
  }
}

Scores::Cut Scores::cut(std::vector<float>& scores, std::int64_t total) const {
  Cut cut;
  if (total >= static_cast<std::int64_t>(scores.size())) {
    cut.all = true;
    return cut;
  }
  if (total <= 0) {
    cut.least = std::numeric_limits<float>::infinity();
    return cut;
  }
  const auto last = scores.begin() + (total - 1);
  std::nth_element(scores.begin(), last, scores.end(), std::greater<>());
  cut.least = *last;
  const auto above = std::count_if(scores.begin(), last, [&](float score) { return score > cut.least; });
  cut.equal = total - above;
  return cut;
}

std::int64_t Scores::apply(Cut& cut, Kept& kept) const {
  std::int64_t stay = 0;
  for (std::size_t k = 0; k < kept.parameters.size(); ++k) {
    const std::vector<float>& scores = scores_[kept.parameters[k]];
    for (std::size_t i = 0; i < scores.size(); ++i) {
      float& mask = kept.masks[k][i];
      if (mask == 0.0F) continue;
      if (!cut.all && !(scores[i] > cut.least) && !(scores[i] == cut.least && cut.equal-- > 0)) mask = 0.0F;
      stay += mask != 0.0F ? 1 : 0;
    }
  }
  return stay;
}

std::vector<std::int64_t> Scores::best_counts(std::int64_t total) const {
  std::vector<float> scores;
  for (std::size_t layer = 0; layer < layers_; ++layer) append_kept_scores(kept_of(layer), scores);
  Cut cut = this->cut(scores, total);
  std::vector<std::int64_t> counts;
  for (std::size_t layer = 0; layer < layers_; ++layer) {
    Kept kept = kept_of(layer);
    counts.push_back(apply(cut, kept));
  }
  return counts;
}

const std::vector<FloatBuffer>& Scores::ranks() {
  const auto& all = parameters_.all();
  std::vector<std::uint64_t> versions;
  for (const auto& parameter : all) versions.push_back(parameter->mask_version);
  if (!ranks_.empty() && ranked_masks_ == versions) return ranks_;
  std::vector<std::vector<std::int32_t>> ranks(all.size());
  struct Place {
    float score;
    std::size_t parameter;
    std::size_t element;
  };
  for (std::size_t layer = 0; layer < layers_; ++layer) {
    const Kept kept = kept_of(layer);
    std::vector<Place> places;
    for (std::size_t k = 0; k < kept.parameters.size(); ++k) {
      const std::size_t p = kept.parameters[k];
      ranks[p].assign(scores_[p].size(), std::numeric_limits<std::int32_t>::max());
      for (std::size_t i = 0; i < scores_[p].size(); ++i) {
        if (kept.masks[k][i] != 0.0F) places.push_back({scores_[p][i], p, i});
      }
    }
    std::stable_sort(places.begin(), places.end(), [](const Place& a, const Place& b) { return a.score > b.score; });
    for (std::size_t r = 0; r < places.size(); ++r) {
      ranks[places[r].parameter][places[r].element] = static_cast<std::int32_t>(r);
    }
  }
  if (ranks_.empty()) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto floats = static_cast<std::int64_t>(ranks[i].size());
      ranks_.push_back(backend_.allocate(floats, "the ranks of " + all[i]->tensor.name));
    }
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    backend_.copy_in(ranks_[i].get(), reinterpret_cast<const float*>(ranks[i].data()),
                     static_cast<std::int64_t>(ranks[i].size()));
  }
  ranked_masks_ = std::move(versions);
  return ranks_;
}

void Scores::keep_best(std::int64_t total, Masks& masks) { keep_best(best_counts(total), masks); }

void Scores::keep_best(const std::vector<std::int64_t>& counts, Masks& masks) {
  if (counts.size() != layers_) {
    throw Error("bad-argument", std::to_string(counts.size()) + " counts given; the net has " + std::to_string(layers_) +
                                    " prunable layers");
  }
  for (std::size_t layer = 0; layer < layers_; ++layer) {
    Kept kept = kept_of(layer);
    std::vector<float> scores;
    append_kept_scores(kept, scores);
    Cut cut = this->cut(scores, counts[layer]);
    apply(cut, kept);
    for (std::size_t k = 0; k < kept.parameters.size(); ++k) {
      masks.set_mask(*parameters_.all()[kept.parameters[k]], kept.masks[k].data());
    }
  }
}

}  // namespace olmp
