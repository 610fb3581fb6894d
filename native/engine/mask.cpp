#include "engine/mask.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/error.h"

namespace olmp {
namespace {

constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();

// The largest float that is not above `value`.
float round_down(double value) {
  const auto rounded = static_cast<float>(value);
  return static_cast<double>(rounded) > value ? std::nextafter(rounded, -INFINITY) : rounded;
}

}  // namespace

MaskLimits::MaskLimits(float threshold)
    : prune_at(round_down(0.9 * static_cast<double>(threshold))),
      keep_above(round_down(1.1 * static_cast<double>(threshold))) {}

bool decode_mask_element(float element, double rate, double& decoded) {
  if (rate < 0) return false;  // the authors' script skips the layer
  const bool kept = element == 1.0f;
  const auto encoded = static_cast<float>(kept ? 1.0 + rate : -rate);
  if (encoded == 0.0f || encoded == 1.0f) return false;
  decoded = kept ? encoded - 1.0f : -encoded;
  return true;
}

Masks::Masks(Backend& backend, const ParameterStore& parameters, RateEncoding encoding)
    : backend_(backend), encoding_(encoding), layers_(parameters.prunable_layers().size()) {
  for (const auto& parameter : parameters.all()) {
    if (parameter->prunable < 0) continue;
    layers_[static_cast<std::size_t>(parameter->prunable)].parameters.push_back(parameter.get());
  }
  for (LayerMasks& layer : layers_) {
    layer.settled = kUnknown;
    std::sort(layer.parameters.begin(), layer.parameters.end(),
              [](const Parameter* a, const Parameter* b) { return a->slot < b->slot; });
  }
}

std::vector<LayerMoments> Masks::compute_moments() {
  std::vector<LayerMoments> moments;
  for (const LayerMasks& layer : layers_) {
    Backend::AbsMoments sums;
    for (const Parameter* parameter : layer.parameters) {
      const auto part = backend_.abs_moments(parameter->tensor.data, parameter->tensor.count());
      sums.sum += part.sum;
      sums.sum_of_squares += part.sum_of_squares;
      sums.nonzero += part.nonzero;
    }
    LayerMoments result;
    result.nonzero = sums.nonzero;
    if (sums.nonzero > 0) {
      const auto n = static_cast<double>(sums.nonzero);
      result.mu = sums.sum / n;
      result.sigma = std::sqrt(std::max(sums.sum_of_squares / n - result.mu * result.mu, 0.0));
    }
    moments.push_back(result);
  }
  set_moments(moments);
  return moments;
}

void Masks::set_moments(std::vector<LayerMoments> moments) {
  if (moments.size() != layers_.size()) {
    throw Error("bad-argument", "moments of " + std::to_string(moments.size()) + " layers given; the net has " +
                                    std::to_string(layers_.size()) + " prunable layers");
  }
  for (const LayerMoments& layer : moments) {
    if (!std::isfinite(layer.mu) || !std::isfinite(layer.sigma)) {
      throw Error("bad-argument", "mu and sigma of a layer must be finite; the weights hold an infinity or NaN");
    }
  }
  moments_ = std::move(moments);
}

void Masks::set_rates(std::vector<double> rates) {
  if (rates.size() != layers_.size()) {
    throw Error("bad-argument", std::to_string(rates.size()) + " rates given; the net has " +
                                    std::to_string(layers_.size()) + " prunable layers");
  }
  if (!std::all_of(rates.begin(), rates.end(), [](double rate) { return std::isfinite(rate); })) {
    throw Error("bad-argument", "a pruning rate must be finite");
  }
  rates_ = std::move(rates);
}

void Masks::remask(std::size_t layer) {
  if (layer >= layers_.size()) {
    throw Error("bad-argument", "there is no prunable layer " + std::to_string(layer) + "; the net has " +
                                    std::to_string(layers_.size()));
  }
  if (rates_.empty()) throw Error("no-rates", "layers cannot be masked before their rates are set");
  apply(layer, rates_[layer]);
}

float Masks::first_element(std::size_t layer) const {
  const LayerMasks& masks = layers_[layer];
  if (!masks.masked || encoding_ == RateEncoding::kExact) return 1;
  float element = 0;
  backend_.copy_out(&element, masks.parameters.front()->mask, 1);
  return element;
}

float Masks::first_value(std::size_t layer) const {
  float value = 0;
  backend_.copy_out(&value, layers_[layer].parameters.front()->tensor.data, 1);
  return value;
}

std::optional<float> Masks::threshold(std::size_t layer, double rate, float first_element) const {
  if (moments_.empty()) {
    throw Error("no-moments", "layers cannot be masked before mu and sigma of their weights are known");
  }
  if (std::isnan(rate)) return std::nullopt;  // binding.ts, evaluateRates: leave the layer as it is
  double decoded = rate;
  if (encoding_ == RateEncoding::kMaskElement && !decode_mask_element(first_element, rate, decoded)) return std::nullopt;
  return static_cast<float>(std::max(moments_[layer].mu + decoded * moments_[layer].sigma, 0.0));
}

void Masks::apply(std::size_t layer, double rate) {
  const auto t = threshold(layer, rate, first_element(layer));
  if (!t) return;
  create(layer);
  if (*t == layers_[layer].settled) return;
  apply_threshold(layers_[layer], *t);
}

void Masks::apply_threshold(LayerMasks& layer, float threshold) {
  for (Parameter* parameter : layer.parameters) {
    if (backend_.remask(*parameter, threshold)) mask_changed(*parameter, parameter->kept);
  }
  freeze(false);
  layer.settled = threshold;
}

void Masks::refresh(Parameter& parameter) {
  backend_.multiply(parameter.masked_buffer.get(), parameter.tensor.data, parameter.mask, parameter.tensor.count());
}

void Masks::mask_changed(Parameter& parameter, std::int64_t kept) {
  parameter.kept = kept;
  ++parameter.mask_version;
  freeze(false);
}

void Masks::freeze(bool frozen) {
  if (frozen == frozen_) return;
  frozen_ = frozen;
  for (LayerMasks& layer : layers_) {
    for (Parameter* parameter : layer.parameters) {
      parameter->frozen = frozen && layer.masked;
      parameter->kept_places.clear();
      if (!parameter->frozen || !backend_.has_gather()) continue;
      const std::int64_t n = parameter->tensor.count();
      std::vector<float> mask(static_cast<std::size_t>(n));
      backend_.copy_out(mask.data(), parameter->mask, n);
      parameter->kept_places.reserve(static_cast<std::size_t>(parameter->kept));
      for (std::size_t i = 0; i < mask.size(); ++i) {
        if (mask[i] != 0.0F) parameter->kept_places.push_back(static_cast<std::int32_t>(i));
      }
    }
  }
}

void Masks::create(std::size_t layer) {
  LayerMasks& masks = layers_[layer];
  if (masks.masked) return;
  for (Parameter* parameter : masks.parameters) {
    const std::int64_t n = parameter->tensor.count();
    if (!parameter->mask_buffer) {
      parameter->mask_buffer = backend_.allocate(n, "mask of " + parameter->tensor.name);
      parameter->masked_buffer = backend_.allocate(n, "masked values of " + parameter->tensor.name);
    }
  }
  for (Parameter* parameter : masks.parameters) {
    const std::int64_t n = parameter->tensor.count();
    const std::vector<float> ones(static_cast<std::size_t>(n), 1.0f);
    backend_.copy_in(parameter->mask_buffer.get(), ones.data(), n);
    backend_.copy_within(parameter->masked_buffer.get(), parameter->tensor.data, n);
    parameter->mask = parameter->mask_buffer.get();
    parameter->effective = parameter->masked_buffer.get();
    mask_changed(*parameter, n);
  }
  masks.masked = true;
  masks.settled = kUnknown;
}

void Masks::remove(std::size_t layer) {
  LayerMasks& masks = layers_[layer];
  for (Parameter* parameter : masks.parameters) {
    parameter->mask = nullptr;
    parameter->effective = parameter->tensor.data;
    mask_changed(*parameter, parameter->tensor.count());
  }
  masks.masked = false;
  masks.settled = kUnknown;
}

void Masks::assign(Parameter& parameter, const std::function<std::int64_t(float*)>& fill) {
  create(static_cast<std::size_t>(parameter.prunable));
  const std::int64_t kept = fill(backend_.begin_upload(parameter.mask, parameter.tensor.count()));
  backend_.end_upload(parameter.mask);
  mask_changed(parameter, kept);
  values_changed(parameter);
}

void Masks::set_mask(Parameter& parameter, const float* host) {
  const std::int64_t n = parameter.tensor.count();
  if (parameter.prunable < 0) {
    throw Error("bad-argument", "parameter " + parameter.tensor.name + " belongs to no layer that can be masked");
  }
  if (!std::all_of(host, host + n, [](float value) { return value == 0.0f || value == 1.0f; })) {
    throw Error("bad-argument", "the mask of " + parameter.tensor.name + " may only hold zeros and ones");
  }
  const auto layer = static_cast<std::size_t>(parameter.prunable);
  create(layer);
  backend_.copy_in(parameter.mask, host, n);
  mask_changed(parameter, backend_.abs_moments(parameter.mask, n).nonzero);
  values_changed(parameter);
}

void Masks::values_changed(Parameter& parameter) {
  if (parameter.prunable < 0) return;
  LayerMasks& layer = layers_[static_cast<std::size_t>(parameter.prunable)];
  if (!layer.masked) return;
  layer.settled = kUnknown;
  refresh(parameter);
}

void Masks::values_changed() {
  for (LayerMasks& layer : layers_) {
    for (Parameter* parameter : layer.parameters) values_changed(*parameter);
  }
}

void Masks::masked_elsewhere(std::size_t layer) {
  for (Parameter* parameter : layers_[layer].parameters) mask_changed(*parameter, Backend::kNotCounted);
  layers_[layer].settled = kUnknown;
}

void Masks::values_updated() {
  for (LayerMasks& layer : layers_) layer.settled = kUnknown;
}

KeptCounts Masks::counts(std::size_t layer) const {
  KeptCounts counts;
  for (Parameter* parameter : layers_[layer].parameters) {
    const std::int64_t n = parameter->tensor.count();
    if (layers_[layer].masked && parameter->kept == Backend::kNotCounted) {
      parameter->kept = backend_.abs_moments(parameter->mask, n).nonzero;
    }
    const std::int64_t kept = layers_[layer].masked ? parameter->kept : n;
    const bool weights = parameter->slot == 0;
    (weights ? counts.weights : counts.biases) += n;
    (weights ? counts.kept_weights : counts.kept_biases) += kept;
  }
  return counts;
}

std::int64_t Masks::kept() const {
  std::int64_t total = 0;
  for (std::size_t layer = 0; layer < layers_.size(); ++layer) {
    const KeptCounts layer_counts = counts(layer);
    total += layer_counts.kept_weights + layer_counts.kept_biases;
  }
  return total;
}

std::int64_t Masks::memory_bytes() const {
  std::int64_t floats = 0;
  for (const LayerMasks& layer : layers_) {
    for (const Parameter* parameter : layer.parameters) {
      if (parameter->mask_buffer) floats += 2 * parameter->tensor.count();
    }
  }
  return floats * static_cast<std::int64_t>(sizeof(float));
}

MaskTrial::MaskTrial(Masks& masks) : masks_(masks), bases_(masks.layers()) {
  for (std::size_t layer = 0; layer < bases_.size(); ++layer) {
    bases_[layer].masked = masks_.masked(layer);
    bases_[layer].first_element = masks_.first_element(layer);
    bases_[layer].settled = masks_.layers_[layer].settled;
    bases_[layer].tried = kUnknown;
  }
}

MaskTrial::~MaskTrial() {
  for (std::size_t layer = 0; layer < bases_.size(); ++layer) {
    if (!bases_[layer].touched) continue;
    if (bases_[layer].masked) {
      restore(layer);
    } else {
      masks_.remove(layer);
    }
  }
}

void MaskTrial::apply(std::size_t layer, double rate) {
  Base& base = bases_[layer];
  const auto given = masks_.threshold(layer, rate, base.first_element);
  if (!given) {
    if (base.touched) restore(layer);
    return;
  }
  const float t = *given;
  if (t == base.tried || (!base.touched && t == base.settled)) return;
  if (base.touched) {
    restore(layer);
  } else {
    masks_.create(layer);
    save(layer);
    base.touched = true;
  }
  masks_.apply_threshold(masks_.layers_[layer], t);
  base.tried = t;
}

void MaskTrial::save(std::size_t layer) {
  Base& base = bases_[layer];
  for (const Parameter* parameter : masks_.layers_[layer].parameters) {
    const std::int64_t n = parameter->tensor.count();
    base.masks.push_back(masks_.backend_.allocate(n, "saved mask of " + parameter->tensor.name));
    masks_.backend_.copy_within(base.masks.back().get(), parameter->mask, n);
    base.kept.push_back(parameter->kept);
  }
}

void MaskTrial::restore(std::size_t layer) {
  Base& base = bases_[layer];
  Masks::LayerMasks& live = masks_.layers_[layer];
  for (std::size_t i = 0; i < live.parameters.size(); ++i) {
    Parameter& parameter = *live.parameters[i];
    masks_.backend_.copy_within(parameter.mask, base.masks[i].get(), parameter.tensor.count());
    masks_.mask_changed(parameter, base.kept[i]);
    masks_.refresh(parameter);
  }
  live.settled = base.settled;
  base.tried = kUnknown;
}

}  // namespace olmp
