// Turns a planned net into tensors, layers and the order of their sums.
#pragma once

#include "engine/net.h"
#include "engine/net_plan.h"

namespace olmp {

class Net::Builder {
 public:
  Builder(Net& net, ParameterStore& parameters, Random& random, std::uint64_t data_seed, int threads, bool gradients);
  void build();

 private:
  // The tensors a layer reads: the version itself, or a view of its data with a diff of its own.
  void connect_bottoms(std::size_t layer);
  void make_tops(std::size_t layer);
  void make_layer(std::size_t layer);
  // What the layer shares with the pooling that alone reads its top, or with the convolution it alone reads; else null.
  FusedMaxima* maxima_of(std::size_t layer);
  // What the layer shares with the ReLU in place that alone reads its top, or with the layer whose top it alone reads; else
  // null.
  FusedRectifier* rectifier_of(std::size_t layer);
  void open_source(std::size_t layer);
  void fill_dummy(std::size_t layer);
  void add_step(std::size_t layer);
  void fuse();
  std::vector<Parameter*> declare_parameters(const nlohmann::json& description, bool gradients);
  Tensor* add_tensor(const std::string& name, const Shape& shape);
  void own_data(Tensor& tensor);
  void own_diff(Tensor& tensor);
  bool wants_diff(std::size_t version) const;
  const nlohmann::json& description(std::size_t layer) const;

  Net& net_;
  ParameterStore& parameters_;
  Random& random_;
  std::uint64_t data_seed_;
  int threads_;
  NetPlan plan_;
  std::vector<Tensor*> versions_;              // by version
  std::vector<std::vector<Tensor*>> bottoms_;  // by layer
  std::vector<std::vector<const float*>> extra_diffs_;  // by version: diffs of its readers, to be added to its own
  std::vector<Layer*> layers_;                 // by layer; null for sources
  std::vector<LayerContext> contexts_;         // of the layers that are none
  std::vector<std::vector<Parameter*>> step_parameters_;  // by layer
  bool gradients_;
  std::map<std::size_t, FusedMaxima*> maxima_;  // by pooling layer
  std::map<std::size_t, FusedRectifier*> rectifiers_;  // by ReLU layer
};

}  // namespace olmp
