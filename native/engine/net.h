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
#include "engine/parameter_store.h"
#include "engine/recent_source.h"
#include "engine/step_queue.h"

namespace olmp {

class Net {
 public:
  // `graph` is a NetGraph. Data layers open their sources; layers whose data is set from outside are Input layers.
  // `gradients`: allocate diffs and build the backward pass.
  Net(const nlohmann::json& graph, Backend& backend, ParameterStore& parameters, Random& random, std::uint64_t data_seed,
      int threads, bool gradients);
  ~Net();
  Net(const Net&) = delete;
  Net& operator=(const Net&) = delete;

  Phase phase() const { return phase_; }
  // Forward. `advance`: let the data layers load their next batch first. Returns the weighted total loss. A pass that need
  // not keep blobs may leave those between inputs and outputs unwritten (Tensor::kept), and may be the fused net's.
  double forward(bool advance, bool keep_blobs = true);
  // Forward on the same batch and values as the last pass, which kept its blobs: begins with the first layer whose masks are
  // others than they were then. Random numbers are drawn by the layers that run alone.
  double forward_again();
  // The parts of a forward pass whose results nobody waits for: the next batch, and the layers.
  void prepare_forward(bool advance, bool keep_blobs = true);
  void run_forward();
  // The outputs, then the weighted total loss, as columns of a row; all times `factor`.
  std::vector<StepQueue::Measure> measures(double factor) const;
  // From the losses' weights (and whatever diffs the other outputs hold) back to the parameters' diffs.
  void backward();

  Tensor* blob(const std::string& name) const;  // null if there is none; the last version of an in-place blob
  // Scalar outputs: unread tops, in order of appearance. Value = mean over the blob (a per-class accuracy gives its mean).
  const std::vector<std::string>& outputs() const { return output_names_; }
  double output(std::size_t index) const;
  const std::vector<std::unique_ptr<Layer>>& layers() const { return layers_; }
  // Null where the backend works it out layer by layer, whatever the masks.
  FusedNet* fused() const { return fused_.get(); }
  // Whether the last forward pass was the fused net's, and the backward pass will be.
  bool fused_pass() const { return fused_pass_; }
  // Data sources by data layer, in net order.
  const std::vector<std::unique_ptr<DataSource>>& sources() const { return sources_; }
  bool batch_loaded() const { return batch_loaded_; }
  // From now on the data layers remember their last `parts` batches, which together are one that is computed in parts.
  void remember_parts(int parts);
  // The part of the last batch (0 is its first) goes back into the data layers' tops, without waiting.
  void load_part(int part);
  // The last batch's parts of a data layer's top, one after the other; empty where the blob is none.
  std::vector<float> parts_of(const Tensor& top) const;
  void set_parts_of(const Tensor& top, const std::vector<float>& values);
  // For a caller that has put a batch into the data layers' tops itself (a restored state).
  void set_batch_loaded(bool loaded) { batch_loaded_ = loaded; }
  std::int64_t memory_bytes() const;
  // The description it was built from.
  const nlohmann::json& graph() const { return graph_; }

 private:
  // A layer in execution order, with what its backward pass needs beside the layer itself.
  struct Sum {  // gradient of a blob with several readers: to = (sources in net order, summed)
    Tensor* to = nullptr;
    std::vector<const float*> sources;
  };
  struct Loss {
    Tensor* top = nullptr;
    float weight = 0;
  };
  struct Step {
    Layer* layer = nullptr;
    bool backward = false;
    std::vector<Loss> losses;
    std::vector<Sum> sums;
    std::vector<const Parameter*> parameters;
    std::size_t restart = 0;  // see NetPlan
  };
  struct DataLayer {
    DataSource* source = nullptr;
    Tensor* data = nullptr;
    Tensor* labels = nullptr;  // null where the layer has one top
    RecentSource* recent = nullptr;  // the source, where it remembers parts
  };
  struct DummyTop {  // a DummyData blob that is filled anew for every batch
    Tensor* top = nullptr;
    Filler filler;
  };
  class Builder;  // net_builder.cpp

  void load_batches();
  double run_from(std::size_t step);
  std::vector<std::uint64_t> mask_versions() const;  // by step and parameter
  double sum(const Tensor& tensor) const;
  // Whether blobs between the inputs and the outputs hold what the layers wrote.
  void set_kept(bool kept);

  nlohmann::json graph_;  // layers keep references to their parameters in it
  Backend* backend_ = nullptr;
  Random* random_ = nullptr;
  Phase phase_ = Phase::kTrain;
  std::vector<std::unique_ptr<Tensor>> tensors_;
  std::vector<std::unique_ptr<Layer>> layers_;
  std::vector<std::unique_ptr<DataSource>> sources_;
  std::vector<std::string> output_names_;
  std::vector<Tensor*> outputs_;
  std::map<std::string, Tensor*> blobs_;
  std::vector<Step> steps_;
  std::vector<DataLayer> data_layers_;
  std::vector<DummyTop> dummy_tops_;
  mutable std::vector<float> scratch_;  // host copy of an output or a loss, sized for the largest
  std::vector<std::unique_ptr<FusedMaxima>> maxima_;
  std::vector<std::unique_ptr<FusedRectifier>> rectifiers_;
  std::unique_ptr<FusedNet> fused_;
  std::vector<Tensor*> between_;  // what fused_ does not write
  bool fused_pass_ = false;
  std::vector<std::uint64_t> versions_;  // of the masks of the last pass that kept its blobs
  bool keep_blobs_ = true;
  bool batch_loaded_ = false;
  int parts_ = 1;
};

}  // namespace olmp
