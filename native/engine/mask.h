// Masks of the prunable layers: thresholds from mu, sigma and rates, with hysteresis (Guo, Yao, Chen, Dynamic Network
// Surgery, NIPS 2016; Li et al., OLMP, IJCAI 2018).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "engine/backend.h"
#include "engine/parameter_store.h"

namespace olmp {

// Mean and population standard deviation of |w| over the nonzero weights and biases of a layer together.
struct LayerMoments {
  double mu = 0;
  double sigma = 0;
  std::int64_t nonzero = 0;
};

struct KeptCounts {
  std::int64_t weights = 0;
  std::int64_t biases = 0;
  std::int64_t kept_weights = 0;
  std::int64_t kept_biases = 0;
};

enum class RateEncoding { kExact, kMaskElement };

// What a threshold t compares magnitudes with. The authors' code compares in double, where 0.9 and 1.1 are constants: these
// are the largest floats that are not above 0.9 t and 1.1 t, so that |w| <= limit is the same in float.
struct MaskLimits {
  explicit MaskLimits(float threshold);
  float prune_at;
  float keep_above;
};

// The rate that the authors' layers read back from a mask's first element, where it was stored as float32: `1 + c` over
// a 1, `-c` over a 0. False where the element reads as a plain 0 or 1, that is, as no rate at all.
bool decode_mask_element(float element, double rate, double& decoded);

// Keeps Parameter::mask and Parameter::effective of one session. A layer has no mask, and costs nothing, until it is
// first masked; then all its parameters have one.
class Masks {
 public:
  Masks(Backend& backend, const ParameterStore& parameters, RateEncoding encoding);

  std::size_t layers() const { return layers_.size(); }
  bool masked(std::size_t layer) const { return layers_[layer].masked; }

  std::vector<LayerMoments> compute_moments();
  void set_moments(std::vector<LayerMoments> moments);
  const std::vector<LayerMoments>& moments() const { return moments_; }  // empty until set
  void set_rates(std::vector<double> rates);
  const std::vector<double>& rates() const { return rates_; }  // empty until set

  // As saved: either may be empty, that is, not set.
  void restore_numbers(std::vector<LayerMoments> moments, std::vector<double> rates) {
    moments_ = std::move(moments);
    rates_ = std::move(rates);
  }

  // Masks the layer anew with its current rate.
  void remask(std::size_t layer);
  // Masks the layer anew with this rate. Throws Error("no-moments").
  void apply(std::size_t layer, double rate);
  // The threshold of a rate; none where it leaves the layer as it is. `first_element` is that of the layer's mask, through
  // which the rate may have to pass (1 without a mask). Throws Error("no-moments").
  std::optional<float> threshold(std::size_t layer, double rate, float first_element) const;
  // Of the layer's mask; 1 without one, and where rates do not pass through it.
  float first_element(std::size_t layer) const;
  // The weight that this element masks.
  float first_value(std::size_t layer) const;

  // The caller promises that masks will not change: gradients and updates are then confined to what they keep, which
  // changes nothing for the kept values (but for rounding, and for the norm of clip_gradients, which counts them alone).
  // Masks that change nevertheless are no longer frozen, nor any other.
  void freeze(bool frozen);
  bool frozen() const { return frozen_; }

  // `fill` writes the mask, 0s and 1s, into host memory and answers how many it keeps.
  void assign(Parameter& parameter, const std::function<std::int64_t(float*)>& fill);
  // Copies 0s and 1s from host memory. Throws Error("bad-argument") for other values or a parameter without masks.
  void set_mask(Parameter& parameter, const float* host);
  // All ones, allocated at first call.
  void create(std::size_t layer);
  // Back to the state before the first mask.
  void remove(std::size_t layer);

  // To be called after values of a parameter (or of any) were changed.
  void values_changed(Parameter& parameter);
  void values_changed();
  // To be called where a device has masked a layer anew: its masks are there (create), their ones not counted.
  void masked_elsewhere(std::size_t layer);
  // To be called after the solver's update, which keeps the masked values itself.
  void values_updated();

  KeptCounts counts(std::size_t layer) const;
  std::int64_t kept() const;  // weights and biases over all prunable layers
  std::int64_t memory_bytes() const;

 private:
  friend class MaskTrial;
  struct LayerMasks {
    std::vector<Parameter*> parameters;  // by slot: weights first
    bool masked = false;
    // Threshold whose application would change nothing (NaN: not known). Applying a threshold twice to unchanged
    // values changes nothing the second time.
    float settled;
  };

  void apply_threshold(LayerMasks& layer, float threshold);
  void refresh(Parameter& parameter);
  // To be called after a parameter's mask was changed.
  void mask_changed(Parameter& parameter, std::int64_t kept);

  Backend& backend_;
  RateEncoding encoding_;
  std::vector<LayerMasks> layers_;
  std::vector<LayerMoments> moments_;
  std::vector<double> rates_;
  bool frozen_ = false;
};

// Applies rates as if each met the masks present when the trial began, and puts those back, bit for bit, at its end.
class MaskTrial {
 public:
  explicit MaskTrial(Masks& masks);
  ~MaskTrial();
  MaskTrial(const MaskTrial&) = delete;
  MaskTrial& operator=(const MaskTrial&) = delete;

  void apply(std::size_t layer, double rate);

 private:
  struct Base {
    bool masked = false;
    bool touched = false;        // the live masks may differ from the base
    float first_element = 1;
    float tried;                 // threshold applied to the base to get the live masks; NaN: none
    float settled;
    std::vector<FloatBuffer> masks;
    std::vector<std::int64_t> kept;
  };
  void save(std::size_t layer);
  void restore(std::size_t layer);

  Masks& masks_;
  std::vector<Base> bases_;
};

}  // namespace olmp
