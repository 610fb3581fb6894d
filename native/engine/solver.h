// Caffe's solvers (src/caffe/solvers/*.cpp): when a rate applies, how gradients are clipped, normalised and
// regularised before the update. The arithmetic of the update itself is Backend::update.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/parameter_store.h"
#include "engine/step_queue.h"

namespace olmp {

// SolverSpec of main/net/graph.ts, as far as the engine needs it.
struct SolverSpec {
  std::string type = "SGD";
  UpdateRule::Type rule = UpdateRule::Type::kSgd;
  float base_lr = 0;
  std::string lr_policy = "fixed";
  float gamma = 0;
  float power = 0;
  int stepsize = 0;
  std::vector<int> stepvalue;
  int max_iter = 0;
  float momentum = 0;
  float momentum2 = 0;
  float rms_decay = 0;
  float delta = 0;
  float weight_decay = 0;
  bool l1 = false;
  float clip_gradients = -1;
  int iter_size = 1;
};

// Throws Error("bad-solver") for what Caffe's solvers refuse.
SolverSpec parse_solver(const nlohmann::json& json);

// SGDSolver::GetLearningRate: the rate of the update that follows `iteration` updates.
float learning_rate(const SolverSpec& spec, int iteration);

// Writes the zeros that a diff marked as cleared stands for.
void settle_gradient(Backend& backend, Parameter& parameter);

// Owns the solver's history: one array per parameter, two for AdaDelta and Adam.
class Solver {
 public:
  Solver(SolverSpec spec, Backend& backend, const ParameterStore& parameters);

  const SolverSpec& spec() const { return spec_; }
  void set_weight_decay(float decay) { spec_.weight_decay = decay; }
  // Momentum and whatever else the rule remembers, as before the first update.
  void reset_history();
  // Before the passes of an iteration: the next gradient of a parameter overwrites what its diff holds.
  void clear_gradients();
  // Clips, normalises, regularises and updates, from the gradients accumulated over iter_size passes. Parameters with
  // lr_mult 0 are left alone, and so is what frozen masks do not keep; the masked values are kept up to date. Returns the
  // learning rate used: `given` in place of the policy's.
  float update(int iteration, std::optional<float> given = std::nullopt);
  // Takes the kept elements of these parameters, which are frozen, out of their arrays and works on them alone; until
  // scatter() puts them back.
  void gather(const std::vector<Parameter*>& parameters);
  void scatter();
  // The same as part of a step of a device, which has the rate and the iteration.
  void enqueue_update(StepQueue& queue);

  // History `part` (0 or 1) of a parameter by its position in the store, or null where the solver keeps none.
  float* history(std::size_t parameter, int part) const;
  int history_parts() const { return static_cast<int>(history_.size()); }
  std::int64_t memory_bytes() const;

 private:
  UpdateRule rule_of_spec() const;  // without rate, decay, scale and iteration
  float clipping_factor();
  double sum_of_squares(const Parameter& parameter);
  float* scratch(int part, const Parameter& parameter);
  void update(const UpdateRule& rule, Parameter& parameter, std::size_t index);

  SolverSpec spec_;
  Backend& backend_;
  const ParameterStore& parameters_;
  std::vector<std::vector<FloatBuffer>> history_;  // [part][parameter]
  // Kept elements of one frozen parameter: value, diff and history side by side, `scratch_size_` floats each.
  FloatBuffer scratch_{nullptr, [](float*) {}};
  std::int64_t scratch_size_ = 0;
  std::vector<GatheredParameter> gathered_;  // by parameter
};

// Parameters gathered for as long as it lives.
class GatheredScope {
 public:
  GatheredScope(Solver& solver, const std::vector<Parameter*>& parameters) : solver_(solver) { solver_.gather(parameters); }
  ~GatheredScope() { solver_.scatter(); }
  GatheredScope(const GatheredScope&) = delete;
  GatheredScope& operator=(const GatheredScope&) = delete;

 private:
  Solver& solver_;
};

}  // namespace olmp
