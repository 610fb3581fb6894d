// One phase of a net, built from the description that main/net makes (NetGraph as JSON).
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/data_source.h"
#include "engine/layer.h"

namespace olmp {

// Parameters by (layer, slot), shared by every net of a session. A named parameter (Caffe's `param { name }`) is one
// Parameter with several places.
class ParameterStore {
 public:
  // Returns the parameter of this place, creating it at first sight. Throws Error("shape-mismatch") where a later sight
  // has another shape.
  Parameter* declare(Backend& backend, const nlohmann::json& layer, int slot, int prunable);
  const std::vector<std::unique_ptr<Parameter>>& all() const { return parameters_; }
  Parameter* find(const std::string& layer, int slot) const;

 private:
  std::vector<std::unique_ptr<Parameter>> parameters_;
  std::map<std::string, Parameter*> by_place_;
};

class Net {
 public:
  // `graph` is a NetGraph. Data layers open their sources; layers whose data is set from outside are Input layers.
  // `gradients`: allocate diffs and build the backward pass.
  Net(const nlohmann::json& graph, Backend& backend, ParameterStore& parameters, Random& random, std::uint64_t data_seed,
      int threads, bool gradients);

  Phase phase() const { return phase_; }
  // Forward. `advance`: let the data layers load their next batch first. Returns the weighted total loss.
  double forward(bool advance);
  // From the losses' weights (and whatever diffs the other outputs hold) back to the parameters' diffs.
  void backward();

  Tensor* blob(const std::string& name) const;  // null if there is none; the last version of an in-place blob
  // Scalar outputs: unread tops, in order of appearance. Value = mean over the blob (a per-class accuracy gives its mean).
  const std::vector<std::string>& outputs() const { return output_names_; }
  double output(std::size_t index) const;
  const std::vector<std::unique_ptr<Layer>>& layers() const { return layers_; }
  // Data sources by data layer, in net order.
  const std::vector<std::unique_ptr<DataSource>>& sources() const { return sources_; }
  bool batch_loaded() const { return batch_loaded_; }
  std::int64_t memory_bytes() const;

 private:
  // Filled in by net.cpp's author.
  Phase phase_ = Phase::kTrain;
  std::vector<std::unique_ptr<Tensor>> tensors_;
  std::vector<std::unique_ptr<Layer>> layers_;
  std::vector<std::unique_ptr<DataSource>> sources_;
  std::vector<std::string> output_names_;
  bool batch_loaded_ = false;
};

}  // namespace olmp
