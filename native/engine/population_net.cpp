#include "engine/population_net.h"

#include <algorithm>

#include "engine/image_wise.h"

namespace olmp {
namespace {

using nlohmann::json;
using Way = PopulationPlan::Way;

std::string type_of(const json& layer) { return layer.at("type").get<std::string>(); }

// One instance gives a number for each candidate: see LayerContext::candidates.
bool scores_candidates(const json& layer) {
  const std::string type = type_of(layer);
  if (type != "SoftmaxWithLoss" && type != "Accuracy") return false;
  return layer.at("params").at("axis").get<int>() >= 1 && layer.at("tops").size() == 1;
}

// Random numbers that are to be the same for each candidate.
bool draws(const json& layer) {
  const std::string type = type_of(layer);
  return type == "Dropout" || type == "Pooling" || type == "SPP";
}

bool keeps_statistics(const json& layer) {
  return type_of(layer) == "BatchNorm" && !layer.at("params").at("use_global_stats").get<bool>();
}

}  // namespace

PopulationPlan::PopulationPlan(const json& graph, const ParameterStore& parameters, const std::vector<bool>& differing)
    : net(plan_net(graph, false)), ways(net.layers.size(), Way::kShared), differs(net.versions.size(), false) {
  const auto masked_differently = [&](const json& layer) {
    bool any = false;
    for (std::size_t slot = 0; slot < layer.at("parameters").size(); ++slot) {
      const Parameter* parameter = parameters.find(layer.at("name"), static_cast<int>(slot));
      if (parameter->prunable >= 0 && differing[static_cast<std::size_t>(parameter->prunable)]) any = true;
    }
    return any;
  };
  for (std::size_t l = 0; l < net.layers.size(); ++l) {
    const json& layer = graph.at("layers")[l];
    const LayerPlan& planned = net.layers[l];
    const auto different = static_cast<std::size_t>(
        std::count_if(planned.bottoms.begin(), planned.bottoms.end(), [&](std::size_t v) { return differs[v]; }));
    if (is_source(type_of(layer))) {
      ways[l] = Way::kSource;
      continue;
    }
    if (keeps_statistics(layer)) possible = false;
    // What changes the input in place would change it again for the next generation.
    for (const std::size_t v : planned.tops) {
      const BlobVersion& blob = net.versions[v];
      if (blob.in_place && ways[net.versions[planned.bottoms[blob.top]].layer] == Way::kSource) possible = false;
    }
    if (masked_differently(layer)) {
      ways[l] = Way::kDiffers;
      if (planned.bottoms.size() != 1 || !is_prunable(type_of(layer)) || !treats_images_alone(layer)) possible = false;
      for (const json& parameter : layer.at("parameters")) floats += count(parameter.at("shape").get<Shape>());
    } else if (different == 0) {
      continue;
    } else if (scores_candidates(layer) && differs[planned.bottoms[0]] && different == 1) {
      ways[l] = Way::kScored;
    } else {
      ways[l] = Way::kSideBySide;
      if (different != planned.bottoms.size() || !treats_images_alone(layer)) possible = false;
    }
    for (std::size_t t = 0; t < planned.tops.size(); ++t) {
      differs[planned.tops[t]] = true;
      if (!net.versions[planned.tops[t]].in_place) floats += count(layer.at("top_shapes")[t].get<Shape>());
    }
  }
}

PopulationNet::PopulationNet(const Net& net, PopulationPlan plan, Backend& backend, const ParameterStore& parameters,
                             std::size_t candidates)
    : net_(net),
      graph_(net.graph()),
      plan_(std::move(plan)),
      backend_(backend),
      store_(parameters),
      candidates_(candidates),
      versions_(plan_.net.versions.size(), nullptr),
      maxima_of_(plan_.net.layers.size(), nullptr),
      rectifier_of_(plan_.net.layers.size(), nullptr) {
  for (std::size_t l = 0; l < plan_.net.layers.size(); ++l) {
    make_tops(l);
    if (plan_.ways[l] != Way::kSource) make_layer(l);
  }
}

Shape PopulationNet::shape_of(std::size_t layer, std::size_t top) const {
  auto shape = description(layer).at("top_shapes")[top].get<Shape>();
  if (!plan_.differs[plan_.net.layers[layer].tops[top]]) return shape;
  if (plan_.ways[layer] == Way::kScored) return {static_cast<int>(candidates_)};
  shape[0] *= static_cast<int>(candidates_);
  return shape;
}

void PopulationNet::make_tops(std::size_t layer) {
  const LayerPlan& planned = plan_.net.layers[layer];
  for (std::size_t t = 0; t < planned.tops.size(); ++t) {
    const BlobVersion& blob = plan_.net.versions[planned.tops[t]];
    if (plan_.ways[layer] == Way::kSource) {
      versions_[planned.tops[t]] = net_.blob(blob.name);
      continue;
    }
    tensors_.push_back(std::make_unique<Tensor>());
    Tensor* top = versions_[planned.tops[t]] = tensors_.back().get();
    top->name = blob.name;
    top->shape = shape_of(layer, t);
    const bool shares = blob.in_place || (keeps_elements(type_of(description(layer))) &&
                                          plan_.net.versions[planned.bottoms.at(0)].readers.size() == 1);
    if (shares) {
      top->data = versions_[planned.bottoms.at(t)]->data;
      continue;
    }
    top->data_buffer = backend_.allocate(top->count(), "blob '" + blob.name + "' of " + std::to_string(candidates_) + " candidates");
    top->data = top->data_buffer.get();
  }
}

Parameter* PopulationNet::clone_of(const Parameter& parameter) {
  const auto known = std::find_if(clones_.begin(), clones_.end(), [&](const Clone& c) { return c.from == &parameter; });
  if (known != clones_.end()) return known->own.get();
  Clone clone;
  clone.from = &parameter;
  clone.own = std::make_unique<Parameter>();
  clone.own->layer = parameter.layer;
  clone.own->slot = parameter.slot;
  clone.own->prunable = parameter.prunable;
  clone.own->tensor.name = parameter.tensor.name;
  clone.own->tensor.shape = parameter.tensor.shape;
  clone.values = backend_.allocate(parameter.tensor.count() * static_cast<std::int64_t>(candidates_),
                                   parameter.tensor.name + " of " + std::to_string(candidates_) + " candidates");
  clone.own->effective = clone.values.get();
  clones_.push_back(std::move(clone));
  return clones_.back().own.get();
}

std::vector<Parameter*> PopulationNet::parameters_of(std::size_t layer) {
  std::vector<Parameter*> parameters;
  const json& described = description(layer);
  for (std::size_t slot = 0; slot < described.at("parameters").size(); ++slot) {
    Parameter* original = store_.find(described.at("name"), static_cast<int>(slot));
    parameters.push_back(plan_.ways[layer] == Way::kDiffers ? clone_of(*original) : original);
  }
  return parameters;
}

void PopulationNet::make_layer(std::size_t layer) {
  const LayerPlan& planned = plan_.net.layers[layer];
  const json& described = description(layer);
  std::vector<Tensor*> bottoms;
  std::vector<Tensor*> tops;
  for (const std::size_t version : planned.bottoms) bottoms.push_back(versions_[version]);
  for (const std::size_t version : planned.tops) tops.push_back(versions_[version]);
  if (const auto reader = maxima_reader(graph_, plan_.net, layer)) {
    maxima_.push_back(std::unique_ptr<FusedMaxima>(new FusedMaxima{keep_blobs_}));
    maxima_of_[layer] = maxima_of_[*reader] = maxima_.back().get();
  } else if (maxima_of_[layer] != nullptr) {
    maxima_of_[layer]->top = tops.at(0);
  }
  if (const auto reader = rectifying_reader(graph_, plan_.net, layer)) {
    rectifiers_.push_back(std::make_unique<FusedRectifier>());
    rectifiers_.back()->negative_slope = description(*reader).at("params").at("negative_slope").get<float>();
    rectifier_of_[layer] = rectifier_of_[*reader] = rectifiers_.back().get();
  }
  LayerContext context{described.at("name").get<std::string>(),
                       described.at("type").get<std::string>(),
                       described.at("params"),
                       net_.phase(),
                       bottoms,
                       tops,
                       parameters_of(layer),
                       std::vector<float>(tops.size(), 0.0F),
                       std::vector<bool>(bottoms.size(), false),
                       false};
  context.maxima = maxima_of_[layer];
  context.rectifier = rectifier_of_[layer];
  const Way way = plan_.ways[layer];
  const bool several = way == Way::kDiffers || way == Way::kScored || (way == Way::kSideBySide && draws(described));
  context.candidates = several ? static_cast<int>(candidates_) : 1;
  context.same_bottom = plan_.ways[layer] == Way::kDiffers && !plan_.differs[planned.bottoms[0]];
  layers_.push_back(backend_.make_layer(std::move(context)));
}

std::vector<StepQueue::Candidates> PopulationNet::parameters() const {
  std::vector<StepQueue::Candidates> list;
  for (const Clone& clone : clones_) {
    list.push_back({clone.from->tensor.data, clone.from->mask, nullptr, clone.values.get(), clone.from->tensor.count(),
                    clone.from->prunable});
  }
  return list;
}

std::vector<StepQueue::Measure> PopulationNet::measures(const std::string& accuracy, double factor) const {
  std::vector<StepQueue::Measure> list;
  for (std::size_t v = 0; v < plan_.net.versions.size(); ++v) {
    const BlobVersion& blob = plan_.net.versions[v];
    const bool is_accuracy = !accuracy.empty() && blob.readers.empty() && blob.name == accuracy;
    if (blob.loss_weight == 0 && !is_accuracy) continue;
    const bool own = plan_.differs[v];
    const std::int64_t count = versions_[v]->count() / (own ? static_cast<std::int64_t>(candidates_) : 1);
    for (std::size_t c = 0; c < candidates_; ++c) {
      const float* values = versions_[v]->data + (own ? static_cast<std::int64_t>(c) * count : 0);
      if (blob.loss_weight != 0) list.push_back({values, count, factor * blob.loss_weight, kColumns * c});
      if (is_accuracy) list.push_back({values, count, factor / static_cast<double>(count), kColumns * c + 1});
    }
  }
  return list;
}

void PopulationNet::begin_pass() {
  for (const auto& layer : layers_) layer->begin_pass();
}

void PopulationNet::run_forward() {
  for (const auto& layer : layers_) layer->forward();
}

std::int64_t PopulationNet::memory_bytes() const {
  std::int64_t floats = 0;
  for (const auto& tensor : tensors_) {
    if (tensor->data_buffer) floats += tensor->count();
  }
  for (const Clone& clone : clones_) floats += clone.own->tensor.count() * static_cast<std::int64_t>(candidates_);
  std::int64_t bytes = floats * static_cast<std::int64_t>(sizeof(float));
  for (const auto& layer : layers_) bytes += layer->workspace_bytes();
  return bytes;
}

}  // namespace olmp
