// The learnable blobs of a session, shared by its train and its test net.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/filler.h"
#include "engine/layer.h"

namespace olmp {

// Parameters by (layer, slot). A named parameter (Caffe's `param { name }`) is one Parameter with several places; its
// first place is the one it is known by.
class ParameterStore {
 public:
  // `gradients`: parameters get a diff.
  explicit ParameterStore(bool gradients = true) : gradients_(gradients) {}

  // Returns the parameter of this place, creating it at first sight. `layer` is a Layer of main/net/graph.ts;
  // `prunable` is negative for layers without masks. Throws Error("shape-mismatch") where a later sight has another
  // shape.
  Parameter* declare(Backend& backend, const nlohmann::json& layer, int slot, int prunable);
  const std::vector<std::unique_ptr<Parameter>>& all() const { return parameters_; }
  Parameter* find(const std::string& layer, int slot) const;

  // Layers that can carry masks and own at least one parameter, in order of first sight: Parameter::prunable counts
  // in this list, whatever number `declare` was given.
  const std::vector<std::string>& prunable_layers() const { return prunable_layers_; }
  // By position in all().
  const Filler& filler(std::size_t index) const { return fillers_[index]; }

 private:
  int prunable_index(const std::string& layer);

  bool gradients_;
  std::vector<std::unique_ptr<Parameter>> parameters_;
  std::vector<Filler> fillers_;
  std::map<std::string, Parameter*> by_place_;
  std::map<std::string, Parameter*> by_name_;
  std::vector<std::string> prunable_layers_;
};

}  // namespace olmp
