#include "engine/mask_candidates.h"

#include <algorithm>
#include <cmath>

namespace olmp {
namespace {

// A layer's elements, and whether they are kept now.
struct Elements {
  std::vector<float> values;
  std::vector<std::uint8_t> kept;
};

std::vector<std::vector<Parameter*>> parameters_by_layer(const ParameterStore& store) {
  std::vector<std::vector<Parameter*>> layers(store.prunable_layers().size());
  for (const auto& parameter : store.all()) {
    if (parameter->prunable >= 0) layers[static_cast<std::size_t>(parameter->prunable)].push_back(parameter.get());
  }
  for (auto& layer : layers) {
    std::sort(layer.begin(), layer.end(), [](const Parameter* a, const Parameter* b) { return a->slot < b->slot; });
  }
  return layers;
}

void append(Backend& backend, const Parameter& parameter, Elements& to) {
  const auto n = static_cast<std::size_t>(parameter.tensor.count());
  const std::size_t first = to.values.size();
  to.values.resize(first + n);
  to.kept.resize(first + n, 1);
  if (parameter.mask != nullptr) {
    backend.copy_out(to.values.data() + first, parameter.mask, parameter.tensor.count());
    for (std::size_t i = first; i < first + n; ++i) to.kept[i] = to.values[i] != 0.0F ? 1 : 0;
  }
  backend.copy_out(to.values.data() + first, parameter.tensor.data, parameter.tensor.count());
}

}  // namespace

MaskCandidates MaskCandidates::by_magnitude(Backend& backend, const ParameterStore& parameters) {
  MaskCandidates candidates;
  for (const std::vector<Parameter*>& layer : parameters_by_layer(parameters)) {
    Elements elements;
    for (const Parameter* parameter : layer) append(backend, *parameter, elements);
    for (float& value : elements.values) value = std::abs(value);
    candidates.layers_.push_back({layer, Ranking(elements.values, elements.kept)});
  }
  return candidates;
}

MaskCandidates MaskCandidates::by_score(Backend& backend, const ParameterStore& parameters, Scores& scores) {
  MaskCandidates candidates;
  for (const std::vector<Parameter*>& layer : parameters_by_layer(parameters)) {
    Elements elements;
    std::vector<float> keys;
    for (const Parameter* parameter : layer) {
      append(backend, *parameter, elements);
      const std::vector<float>& own = scores.of(*parameter);
      keys.insert(keys.end(), own.begin(), own.end());
    }
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (elements.kept[i] == 0) keys[i] = -1.0F;
    }
    candidates.layers_.push_back({layer, Ranking(keys, elements.kept)});
  }
  return candidates;
}

CandidateMask MaskCandidates::as_before() const {
  CandidateMask mask;
  for (const Layer& layer : layers_) mask.push_back(layer.ranking.as_before());
  return mask;
}

std::int64_t MaskCandidates::kept(const CandidateMask& mask) const {
  std::int64_t total = 0;
  for (std::size_t layer = 0; layer < layers_.size(); ++layer) total += layers_[layer].ranking.count(mask[layer]);
  return total;
}

std::vector<CandidateMask> MaskCandidates::at_rates(const Masks& masks, const std::vector<double>& rates, bool sequential,
                                                    const CandidateMask& from) const {
  const CandidateMask before = as_before();
  std::vector<CandidateMask> candidates;
  CandidateMask last = from;
  for (std::size_t first = 0; first < rates.size(); first += layers_.size()) {
    CandidateMask mask = sequential ? last : before;
    for (std::size_t layer = 0; layer < layers_.size(); ++layer) {
      const Ranking& ranking = layers_[layer].ranking;
      const float element = ranking.keeps(mask[layer], 0) ? 1.0F : 0.0F;
      const auto threshold = masks.threshold(layer, rates[first + layer], element);
      if (!threshold) continue;
      const MaskLimits limits(*threshold);
      mask[layer] = ranking.after(mask[layer], limits.prune_at, limits.keep_above);
    }
    last = mask;
    candidates.push_back(std::move(mask));
  }
  return candidates;
}

void MaskCandidates::write(std::size_t layer, const RankedMask& mask, Masks& masks) const {
  const Layer& own = layers_[layer];
  std::size_t first = 0;
  for (Parameter* parameter : own.parameters) {
    const auto n = static_cast<std::size_t>(parameter->tensor.count());
    masks.assign(*parameter, [&](float* to) {
      own.ranking.fill(mask, first, n, to);
      return std::count(to, to + n, 1.0F);
    });
    first += n;
  }
}

std::int64_t MaskCandidates::memory_bytes() const {
  std::int64_t bytes = 0;
  for (const Layer& layer : layers_) bytes += layer.ranking.memory_bytes();
  return bytes;
}

}  // namespace olmp
