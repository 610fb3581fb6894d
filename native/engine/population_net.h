// A net once for several candidates that differ in the masks of its layers, side by side: a layer whose weights differ reads
// each candidate's, the layers before the first of them compute once for all, those behind it take the batches of all
// candidates as one. Forward only, for backends that queue steps.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/net.h"
#include "engine/net_plan.h"
#include "engine/parameter_store.h"
#include "engine/step_queue.h"

namespace olmp {

// Which layers of a net are computed how, for candidates that differ in some prunable layers.
struct PopulationPlan {
  enum class Way { kSource, kShared, kDiffers, kScored, kSideBySide };
  // `differs[l]`: by the masks of prunable layer l. Not possible where layers mix the images of a batch (but for
  // SoftmaxWithLoss and Accuracy), keep statistics, or need a shared blob beside one that differs.
  PopulationPlan(const nlohmann::json& graph, const ParameterStore& parameters, const std::vector<bool>& differs);

  bool possible = true;
  NetPlan net;
  std::vector<Way> ways;       // by layer
  std::vector<bool> differs;   // by version: one batch for each candidate
  std::int64_t floats = 0;     // of memory for each candidate, about
};

class PopulationNet {
 public:
  // `net`, whose graph the plan is of, lives longer; the input is what its data layers' tops hold. Throws
  // Error("out-of-gpu-memory").
  PopulationNet(const Net& net, PopulationPlan plan, Backend& backend, const ParameterStore& parameters,
                std::size_t candidates);
  PopulationNet(const PopulationNet&) = delete;
  PopulationNet& operator=(const PopulationNet&) = delete;

  std::size_t candidates() const { return candidates_; }
  // The parameters whose values differ, for StepQueue::mask_candidates and keep_ranked; `ranks` is left to the caller.
  std::vector<StepQueue::Candidates> parameters() const;
  // Of parameters(), by position: the session's own.
  const Parameter& original(std::size_t index) const { return *clones_[index].from; }
  // Column kColumns c: the total loss of candidate c; the next: its mean of output blob `accuracy`, where it is not empty; the
  // one after is left to the caller. All times `factor`.
  static constexpr std::size_t kColumns = 3;
  std::vector<StepQueue::Measure> measures(const std::string& accuracy, double factor) const;
  void begin_pass();
  void run_forward();
  std::int64_t memory_bytes() const;

 private:
  struct Clone {  // a parameter of which every candidate has its own values
    const Parameter* from = nullptr;
    std::unique_ptr<Parameter> own;
    FloatBuffer values{nullptr, [](float*) {}};
  };

  void make_tops(std::size_t layer);
  void make_layer(std::size_t layer);
  std::vector<Parameter*> parameters_of(std::size_t layer);
  Parameter* clone_of(const Parameter& parameter);
  Shape shape_of(std::size_t layer, std::size_t top) const;
  const nlohmann::json& description(std::size_t layer) const { return graph_.at("layers")[layer]; }

  const Net& net_;
  const nlohmann::json& graph_;
  PopulationPlan plan_;
  Backend& backend_;
  const ParameterStore& store_;
  std::size_t candidates_;
  std::vector<Tensor*> versions_;
  std::vector<std::unique_ptr<Tensor>> tensors_;
  std::vector<Clone> clones_;
  std::vector<std::unique_ptr<FusedMaxima>> maxima_;
  std::vector<std::unique_ptr<FusedRectifier>> rectifiers_;
  std::vector<FusedMaxima*> maxima_of_;        // by layer, or null
  std::vector<FusedRectifier*> rectifier_of_;  // likewise
  std::vector<std::unique_ptr<Layer>> layers_;
  const bool keep_blobs_ = false;
};

}  // namespace olmp
