// A backend is a table: a factory for every layer type, memory, and the operations on parameters. cpu/ and cuda/
// implement it.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/fused_net.h"
#include "engine/layer.h"
#include "engine/update_rule.h"

namespace olmp {

class StepQueue;  // engine/step_queue.h

// Of a device with memory of its own.
struct DeviceMemory {
  std::int64_t free_bytes = 0;
  std::int64_t total_bytes = 0;
  std::int64_t reserve_bytes = 0;  // of what is free: what the device's libraries and recorded steps may take beside arrays
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual FloatBuffer allocate(std::int64_t floats, const std::string& what) = 0;  // zeroed
  virtual void copy_in(float* to, const float* host, std::int64_t floats) = 0;
  virtual void copy_out(float* host, const float* from, std::int64_t floats) = 0;
  // Within the backend's memory; the default serves backends whose memory is the host's.
  virtual void copy_within(float* to, const float* from, std::int64_t floats) {
    std::memcpy(to, from, static_cast<std::size_t>(floats) * sizeof(float));
  }

  // Now; nothing where the backend's memory is the host's.
  virtual std::optional<DeviceMemory> memory() const { return std::nullopt; }

  // Chosen elements: to[i] = from[places[i]], and to[places[i]] = from[i]; `places` are host memory. A backend that has them
  // confines the gradients and updates of frozen parameters to the kept places (Parameter::kept_places); another one's steps
  // confine updates by the mask (StepQueue::Update::confined).
  virtual bool has_gather() const { return false; }
  virtual void gather(float* /*to*/, const float* /*from*/, const std::vector<std::int32_t>& /*places*/) {}
  virtual void scatter(float* /*to*/, const float* /*from*/, const std::vector<std::int32_t>& /*places*/) {}

  // Where the host may write the next contents of an array in the backend's memory, and what hands them over, in order
  // with all other work. The defaults serve backends whose memory is the host's.
  virtual float* begin_upload(float* to, std::int64_t floats) {
    (void)floats;
    return to;
  }
  virtual void end_upload(float* to) { (void)to; }
  // Before the layers of a forward pass: for backends whose layers do not draw from the generator themselves.
  virtual void begin_pass(Random& random) { (void)random; }

  // Throws Error("unknown-layer") naming type and layer.
  virtual std::unique_ptr<Layer> make_layer(LayerContext context) = 0;

  // The layers of a net, sources left out, in order; `learns`: it has a backward pass. Null where the backend has nothing
  // better than the layers one by one.
  virtual std::unique_ptr<FusedNet> fuse(const std::vector<LayerContext>& /*layers*/, bool /*learns*/) { return nullptr; }

  // --- operations on parameters (all arrays of n floats)
  // value -= step(rule, diff, history, history2); diff is left as it was.
  virtual void update(const UpdateRule& rule, float* value, const float* diff, float* history, float* history2,
                      std::int64_t n) = 0;
  // The same of a masked parameter, and masked = value * mask; masked is 0 already where the mask is.
  virtual void update_masked(const UpdateRule& rule, float* value, const float* diff, float* history, float* history2,
                             const float* mask, float* masked, std::int64_t n) {
    update(rule, value, diff, history, history2, n);
    multiply(masked, value, mask, n);
  }
  virtual double sum_of_squares(const float* values, std::int64_t n) = 0;
  // Sums over nonzero entries of |w| and w^2, in double, and their number.
  struct AbsMoments { double sum = 0, sum_of_squares = 0; std::int64_t nonzero = 0; };
  virtual AbsMoments abs_moments(const float* values, std::int64_t n) = 0;
  // kept and |w| <= 0.9 t -> pruned; pruned and |w| > 1.1 t -> kept (Guo, Yao, Chen 2016). Returns the number kept, or
  // kNotCounted where counting would make the host wait: it is then counted when it is asked for.
  static constexpr std::int64_t kNotCounted = -1;
  virtual std::int64_t update_mask(float* mask, const float* values, float threshold, std::int64_t n) = 0;
  // The same of a parameter, whose masked values are kept up to date with it. Returns whether an element of the mask may have
  // changed.
  virtual bool remask(Parameter& parameter, float threshold) {
    const std::int64_t n = parameter.tensor.count();
    parameter.kept = update_mask(parameter.mask, parameter.tensor.data, threshold, n);
    multiply(parameter.masked_buffer.get(), parameter.tensor.data, parameter.mask, n);
    return true;
  }
  virtual void multiply(float* out, const float* a, const float* b, std::int64_t n) = 0;

  // Null where the host itself computes, and has nothing to wait for.
  virtual StepQueue* step_queue() { return nullptr; }

  // --- operations on diffs
  virtual void fill(float* values, float value, std::int64_t n) = 0;
  virtual void add(float* to, const float* from, std::int64_t n) = 0;
};

std::unique_ptr<Backend> make_cpu_backend(int threads);

// The layer registry of the CPU backend: each cpu/<op>.cpp defines one function that adds its types, and
// cpu/register.cpp calls them all (no static initialisers, so that nothing depends on link order).
using LayerRegistry = std::map<std::string, LayerFactory>;

}  // namespace olmp
