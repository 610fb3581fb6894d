// One net in training and testing, with its solver, masks and generators: everything behind the Session of
// main/engine/binding.ts, which documents the methods. Used from one thread (OpenMP's pools belong to a thread).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/mask.h"
#include "engine/mask_candidates.h"
#include "engine/mask_evaluator.h"
#include "engine/memory_estimate.h"
#include "engine/net.h"
#include "engine/parameter_file.h"
#include "engine/parameter_store.h"
#include "engine/population_net.h"
#include "engine/random.h"
#include "engine/scores.h"
#include "engine/solver.h"

namespace olmp {

class StateReader;
class StateWriter;

struct SessionOptions {
  std::string train;   // JSON of a NetGraph, or empty
  std::string test;    // likewise
  std::string solver;  // JSON of a SolverSpec, or empty
  std::string device = "cpu";
  int threads = 1;
  std::uint64_t seed = 1;
  bool tf32 = false;   // on CUDA: products and convolutions may round their operands to TF32
  RateEncoding rate_encoding = RateEncoding::kExact;
};

enum class ParameterPart { kValue, kDiff, kMask, kHistory, kHistory2 };
enum class BlobPart { kData, kDiff };

struct BlobPlacement {
  std::size_t parameter = 0;
  ParameterPart part = ParameterPart::kValue;
  std::string file;
  FloatPlacement floats;
};

struct TrainResult {
  enum class Stop { kDone, kCancelled, kNonFiniteLoss };
  int completed = 0;
  Stop stop = Stop::kDone;
  std::vector<double> rows;  // (completed, outputs + 2)
};

// By which candidates of a search are given up.
struct SearchBounds {
  std::vector<double> most_kept;  // by candidate: not evaluated where it keeps as many or more; empty: all are evaluated
  double least_accuracy = -std::numeric_limits<double>::infinity();  // one that cannot come to it need not be finished
};

struct RateEvaluations {
  std::vector<double> accuracy;
  std::vector<double> loss;
  std::vector<double> kept;
};

// Of the device of such a session as it is now, without making one; nothing where it computes in the host's memory or there is
// no such device. Throws Error("bad-argument"), Error("bad-solver").
std::optional<MemoryEstimate> estimate_memory(const SessionOptions& options);

class Session {
 public:
  // Asked at every boundary of a long operation.
  using Cancelled = std::function<bool()>;

  // Throws Error, e.g. with the codes of Net, parse_solver and open_data_source.
  explicit Session(const SessionOptions& options);
  // On a backend of the caller's, whatever the options' device.
  Session(const SessionOptions& options, std::unique_ptr<Backend> backend);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const ParameterStore& parameters() const { return *parameters_; }
  const std::vector<std::string>& prunable_layers() const { return parameters_->prunable_layers(); }
  std::vector<std::string> outputs(Phase phase) const;  // empty where the phase has no net
  // These two may be read from any thread.
  int iteration() const { return iteration_; }
  std::int64_t memory_bytes() const { return memory_bytes_; }
  // More than 1 where a device's memory does not take a whole batch, and its parts give the same but for rounding.
  const BatchParts& batch_parts() const { return batch_parts_; }

  // --- parameters (session_parameters.cpp)
  void fill_parameters();
  void fill_parameters(const std::vector<std::size_t>& indices);
  void load_parameters(const std::vector<BlobPlacement>& placements);
  std::vector<float> get_parameter(std::size_t index, ParameterPart part) const;
  void set_parameter(std::size_t index, ParameterPart part, const std::vector<float>& values);
  void set_iteration(int iteration);

  // --- running (session.cpp)
  // `remask` is empty or holds ceil(prunable layers / 32) words per iteration.
  // `rates` is empty or holds the learning rate of each iteration.
  TrainResult train(int iterations, const std::vector<std::uint32_t>& remask, const Cancelled& cancelled,
                    const std::vector<double>& rates = {});
  std::vector<double> test(int iterations, const Cancelled& cancelled);
  std::vector<double> forward_train_batch();
  std::vector<std::vector<float>> forward_test(const std::vector<std::string>& blobs);
  void rewind(Phase phase);
  void set_blob(Phase phase, const std::string& blob, BlobPart part, const std::vector<float>& values);
  std::vector<float> get_blob(Phase phase, const std::string& blob, BlobPart part) const;
  void forward(Phase phase);
  void backward(Phase phase);

  // --- masks
  std::vector<LayerMoments> compute_moments() { return masks_->compute_moments(); }
  void set_moments(std::vector<LayerMoments> moments) { masks_->set_moments(std::move(moments)); }
  void set_rates(std::vector<double> rates) { masks_->set_rates(std::move(rates)); }
  void remask(const std::vector<std::size_t>& layers);
  void freeze_masks(bool frozen) { masks_->freeze(frozen); }
  std::vector<KeptCounts> kept_counts() const;
  // Candidates not reached before a cancellation are missing from the end of the result.
  RateEvaluations evaluate_rates(const std::vector<double>& rates, bool sequential, const Cancelled& cancelled,
                                 const SearchBounds& bounds = {});

  // --- compression in cycles (session_recipe.cpp)
  void reset_history();
  void set_weight_decay(double decay);
  void score_magnitude();
  void score_fisher(int batches, double damping);
  std::vector<double> best_counts(std::int64_t total);
  void keep_best(std::int64_t total);
  void keep_best_of_layers(const std::vector<double>& counts);
  void hold_sample(int batches);
  // Candidates not reached before a cancellation are missing from the end.
  std::vector<double> evaluate_kept_counts(const std::vector<double>& counts, const Cancelled& cancelled);
  // Pruned parameters that come back (session_growth.cpp). The masks are no longer frozen.
  void score_growth(int batches, double damping);
  std::int64_t grow_best(std::int64_t count, int per_output);
  void compute_teacher();
  void set_distillation(double weight, double temperature);

  // --- state (session_state.cpp)
  void save_state(const std::string& file) const;
  void load_state(const std::string& file);

 private:
  Net& net(Phase phase) const;
  Tensor& blob(Phase phase, const std::string& name) const;
  Parameter& parameter(std::size_t index) const;
  // Device memory of a part; null for a mask that is not there. Throws Error("no-gradients"), Error("no-solver").
  float* part_memory(std::size_t index, ParameterPart part) const;
  void remask_drawn(const std::uint32_t* bits);
  // The same on a backend that queues steps (session_queued.cpp).
  TrainResult train_queued(StepQueue& queue, int iterations, const std::vector<std::uint32_t>& remask,
                           const Cancelled& cancelled, const std::vector<double>& rates);
  // The parameters of the layers that some iteration draws, with masks, and their limits on the device (remask_limits_).
  std::vector<StepQueue::Maskable> maskable(const std::vector<std::uint32_t>& remask);
  std::vector<double> test_queued(StepQueue& queue, int iterations, const Cancelled& cancelled);
  RateEvaluations evaluate_queued(StepQueue& queue, const std::vector<double>& rates, bool sequential,
                                  const Cancelled& cancelled);
  // A whole generation at once (session_population_queued.cpp). The limits are (candidates, layers).
  RateEvaluations evaluate_side_by_side(StepQueue& queue, const std::vector<StepQueue::Limits>& limits, bool sequential,
                                        const Cancelled& cancelled);
  RateEvaluations evaluate_one_by_one_queued(StepQueue& queue, const std::vector<double>& rates, bool sequential,
                                             const Cancelled& cancelled);
  std::vector<double> evaluate_counts_queued(StepQueue& queue, const std::vector<double>& counts, const Cancelled& cancelled);
  std::vector<StepQueue::Limits> limits_of(const std::vector<double>& rates, bool sequential) const;
  // Of a rate, where the first element of the layer's masks is this.
  StepQueue::Limits limits_of(std::size_t layer, double rate, float first_element) const;
  // A net for candidates that differ in these layers, as many of the `wanted` as fit at a time; null where there can be none.
  PopulationNet* fitting_population(StepQueue& queue, const std::vector<bool>& differs, std::size_t wanted);
  // Another key wherever recorded work would be other work.
  std::uint64_t recording_key(std::uint64_t work) const;
  // Population search (session_population.cpp).
  // Whether candidates can be tried without writing their masks out; makes what that takes where values or masks have changed.
  bool prepare_population(bool by_score, bool sequential);
  // To be called where values or scores change.
  void forget_population();
  RateEvaluations evaluate_population(const std::vector<double>& rates, bool sequential, const Cancelled& cancelled,
                                      const SearchBounds& bounds);
  RateEvaluations evaluate_one_by_one(const std::vector<double>& rates, bool sequential, const Cancelled& cancelled,
                                      const SearchBounds& bounds);
  std::vector<double> evaluate_counts_of_population(const std::vector<std::vector<double>>& rows,
                                                    const Cancelled& cancelled);
  std::vector<double> evaluate_counts_one_by_one(const std::vector<std::vector<double>>& rows, const Cancelled& cancelled);
  // Masks all layers by a candidate's rates; to be undone by the trial where there is one.
  void apply_rates(MaskTrial* trial, const double* rates);
  // Makes the session's masks these.
  void write_masks(const CandidateMask& mask);
  double batch_accuracy() const;
  double sample_loss();
  std::vector<MaskEvaluator::Batch> held_batches() const;
  // The parts of the batch already loaded, one after the other in the train net's inputs.
  void each_loaded_part(const std::function<void()>& body);
  // How many passes are a batch.
  int parts_of(Phase phase) const { return phase == Phase::kTrain ? batch_parts_.train : batch_parts_.test; }
  void update_memory_bytes();
  Scores& scores();
  // Adds the squared gradients of the next batches' images to the scores; the same on a backend that queues steps
  // (session_recipe_queued.cpp).
  void add_squared_gradients(int batches);
  void add_squared_gradients_queued(StepQueue& queue, int batches);
  // Of the next batch, or of a part of it, in every parameter's diff.
  void compute_gradients();
  // A pass of the test net over what its blobs hold.
  void forward_queued(StepQueue& queue, Net& net);
  // The teacher's logits of the batch just loaded.
  void take_teacher_rows(const Net& net);

  nlohmann::json describe_parameters() const;
  std::vector<std::pair<std::string, Tensor*>> inputs() const;
  void check_state(const StateReader& reader) const;
  void restore_arrays(const StateReader& reader);

  std::unique_ptr<Backend> backend_;
  BatchParts batch_parts_;
  std::unique_ptr<ParameterStore> parameters_;
  Random random_;
  std::unique_ptr<Net> train_;
  std::unique_ptr<Net> test_;
  std::unique_ptr<Solver> solver_;
  std::unique_ptr<Masks> masks_;
  // Names of the blobs that are filled from outside the net (data, dummies, inputs), by phase.
  std::vector<std::string> train_inputs_;
  std::vector<std::string> test_inputs_;
  bool test_gradients_ = false;
  std::unique_ptr<Scores> scores_;
  std::vector<std::vector<float>> sample_;  // inputs of the held batches, one after another
  // Of the search under way.
  struct Population {
    explicit Population(MaskCandidates made) : candidates(std::move(made)) {}
    MaskCandidates candidates;
    std::unique_ptr<MaskEvaluator> evaluator;
    CandidateMask written;                // what the session's masks are
    std::vector<std::uint64_t> versions;  // of the session's masks
    bool by_score = false;
  };
  std::unique_ptr<Population> population_;
  Teacher teacher_;
  std::vector<float> teacher_table_;  // (items, classes)
  std::uint64_t teacher_items_ = 0;
  // On backends that queue steps, where scores draw labels.
  FloatBuffer drawn_by_{nullptr, [](float*) {}};  // doubles, one for each image of a batch
  FloatBuffer given_labels_{nullptr, [](float*) {}};
  // Of the search under way, on backends that queue steps.
  std::unique_ptr<PopulationNet> population_net_;
  std::vector<bool> population_differs_;
  std::size_t population_wanted_ = 0;
  std::uint64_t populations_ = 0;  // made so far: part of the key of what is recorded of one
  FloatBuffer remask_limits_{nullptr, [](float*) {}};
  RateEncoding rate_encoding_ = RateEncoding::kExact;
  FloatBuffer trials_{nullptr, [](float*) {}};  // limits or counts of the candidates
  int accuracy_index_ = -1;  // among the train net's outputs
  std::atomic<int> iteration_{0};
  std::atomic<std::int64_t> memory_bytes_{0};
};

}  // namespace olmp
