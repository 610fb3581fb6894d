#include "engine/parameter_store.h"

#include <algorithm>

#include "engine/error.h"

namespace olmp {
namespace {

std::string place(const std::string& layer, int slot) { return layer + '/' + std::to_string(slot); }

std::string shape_text(const Shape& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return text + ")";
}

void require_shape(const Parameter& parameter, const Shape& shape, const std::string& where) {
  if (parameter.tensor.shape == shape) return;
  const std::string first = place(parameter.layer, parameter.slot);
  const std::string other = first == where ? "the same parameter of the other phase" : first + ", which it shares,";
  throw Error("shape-mismatch", "parameter " + where + " has shape " + shape_text(shape) + ", but " + other + " has " +
                                    shape_text(parameter.tensor.shape));
}

}  // namespace

int ParameterStore::prunable_index(const std::string& layer) {
  const auto found = std::find(prunable_layers_.begin(), prunable_layers_.end(), layer);
  if (found == prunable_layers_.end()) {
    prunable_layers_.push_back(layer);
    return static_cast<int>(prunable_layers_.size()) - 1;
  }
  return static_cast<int>(found - prunable_layers_.begin());
}

Parameter* ParameterStore::declare(Backend& backend, const nlohmann::json& layer, int slot, int prunable) {
  const auto& description = layer.at("parameters").at(static_cast<std::size_t>(slot));
  const std::string layer_name = layer.at("name");
  const std::string where = place(layer_name, slot);
  const Shape shape = description.at("shape");
  const std::string shared_name = description.at("name");

  Parameter* known = find(layer_name, slot);
  if (known == nullptr && !shared_name.empty()) {
    const auto named = by_name_.find(shared_name);
    if (named != by_name_.end()) known = named->second;
  }
  if (known != nullptr) {
    require_shape(*known, shape, where);
    by_place_[where] = known;
    return known;
  }

  auto parameter = std::make_unique<Parameter>();
  parameter->layer = layer_name;
  parameter->slot = slot;
  parameter->lr_mult = description.at("lr_mult");
  parameter->decay_mult = description.at("decay_mult");
  Tensor& tensor = parameter->tensor;
  tensor.name = where;
  tensor.shape = shape;
  tensor.data_buffer = backend.allocate(tensor.count(), "parameter " + where);
  tensor.data = tensor.data_buffer.get();
  if (gradients_) {
    tensor.diff_buffer = backend.allocate(tensor.count(), "gradient of " + where);
    tensor.diff = tensor.diff_buffer.get();
  }
  parameter->effective = tensor.data;
  fillers_.push_back(description.at("filler").get<Filler>());
  if (prunable >= 0) parameter->prunable = prunable_index(layer_name);

  parameters_.push_back(std::move(parameter));
  Parameter* created = parameters_.back().get();
  by_place_[where] = created;
  if (!shared_name.empty()) by_name_[shared_name] = created;
  return created;
}

Parameter* ParameterStore::find(const std::string& layer, int slot) const {
  const auto found = by_place_.find(place(layer, slot));
  return found == by_place_.end() ? nullptr : found->second;
}

}  // namespace olmp
