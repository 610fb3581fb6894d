#include "engine/net_plan.h"

#include <algorithm>
#include <map>

#include "engine/error.h"

namespace olmp {
namespace {

using nlohmann::json;

std::string describe(const json& layer) {
  return "Layer '" + layer.at("name").get<std::string>() + "' (" + layer.at("type").get<std::string>() + ")";
}

// Who reads and writes what.
void connect(const json& layers, NetPlan& plan) {
  std::map<std::string, std::size_t> current;  // the newest version of each blob
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const json& layer = layers[l];
    LayerPlan& planned = plan.layers[l];
    const auto bottoms = layer.at("bottoms").get<std::vector<std::string>>();
    const auto tops = layer.at("tops").get<std::vector<std::string>>();
    if (layer.at("top_shapes").size() != tops.size() || layer.at("loss_weights").size() > tops.size()) {
      throw Error("invalid-net", describe(layer) + " needs one shape and one loss weight for each of its tops.");
    }
    for (std::size_t b = 0; b < bottoms.size(); ++b) {
      const auto found = current.find(bottoms[b]);
      if (found == current.end()) {
        throw Error("invalid-net", describe(layer) + " reads blob '" + bottoms[b] + "', which no earlier layer writes.");
      }
      plan.versions[found->second].readers.push_back({l, b});
      planned.bottoms.push_back(found->second);
    }
    for (std::size_t t = 0; t < tops.size(); ++t) {
      BlobVersion version;
      version.name = tops[t];
      version.layer = l;
      version.top = t;
      version.in_place = t < bottoms.size() && bottoms[t] == tops[t];
      if (!version.in_place && current.count(tops[t]) != 0) {
        throw Error("invalid-net", describe(layer) + " writes blob '" + tops[t] + "', which an earlier layer writes too.");
      }
      const json& weights = layer.at("loss_weights");
      version.loss_weight = t < weights.size() ? weights[t].get<float>() : 0.0F;
      current[tops[t]] = plan.versions.size();
      planned.tops.push_back(plan.versions.size());
      plan.versions.push_back(version);
    }
  }
  for (std::size_t v = 0; v < plan.versions.size(); ++v) {
    if (plan.versions[v].readers.empty()) plan.outputs.push_back(v);
  }
}

// Which bottoms want a gradient: those with a learning ancestor (Caffe, net.cpp, AppendBottom and Init).
void plan_propagation(const json& graph, NetPlan& plan) {
  const json& layers = graph.at("layers");
  const bool force = graph.at("force_backward").get<bool>();
  std::vector<bool> version_needs(plan.versions.size(), false);
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const json& layer = layers[l];
    const auto type = layer.at("type").get<std::string>();
    LayerPlan& planned = plan.layers[l];
    planned.propagate_down.assign(planned.bottoms.size(), false);
    if (is_source(type)) continue;
    const json& asked = layer.at("propagate_down");
    if (!asked.empty() && asked.size() != planned.bottoms.size()) {
      throw Error("invalid-net", describe(layer) + " has a propagate_down list that does not fit its bottoms.");
    }
    for (const json& parameter : layer.at("parameters")) {
      if (parameter.at("lr_mult").get<float>() != 0 || force) planned.parameter_gradients = true;
    }
    bool needs = planned.parameter_gradients;
    for (std::size_t b = 0; b < planned.bottoms.size(); ++b) {
      bool wanted = version_needs[planned.bottoms[b]];
      if (!asked.empty()) wanted = asked[b].get<bool>();
      planned.propagate_down[b] = (wanted || force) && can_propagate(type, b);
      needs = needs || planned.propagate_down[b];
    }
    for (const std::size_t top : planned.tops) version_needs[top] = needs;
    planned.backward = needs;
  }
}

// Of the layers that want a gradient, keeps those that one reaches: below a loss, or, in a net that has none or is forced
// backward, below any output (its diff is set from outside).
void plan_reach(bool any_output, NetPlan& plan) {
  for (std::size_t l = plan.layers.size(); l-- > 0;) {
    LayerPlan& planned = plan.layers[l];
    if (!planned.backward) continue;
    bool reached = false;
    for (const std::size_t top : planned.tops) {
      const BlobVersion& version = plan.versions[top];
      reached = reached || version.loss_weight != 0 || (version.readers.empty() && any_output) ||
                !plan.gradient_readers(top).empty();
    }
    if (!reached) planned.backward = false;
  }
}

// The only reader of the only top, whose value nothing else needs.
std::optional<std::size_t> only_reader(const NetPlan& plan, std::size_t layer) {
  const LayerPlan& planned = plan.layers[layer];
  if (planned.tops.size() != 1) return std::nullopt;
  const BlobVersion& blob = plan.versions[planned.tops[0]];
  if (blob.readers.size() != 1 || blob.loss_weight != 0) return std::nullopt;
  return blob.readers[0].layer;
}

// MAX pooling over 2 x 2 windows by 2.
bool halves(const json& layer) {
  const json& params = layer.at("params");
  const json two = {2, 2};
  return layer.at("type") == "Pooling" && layer.at("tops").size() == 1 && params.at("pool") == "MAX" &&
         !params.at("global_pooling").get<bool>() && params.at("kernel_size") == two && params.at("stride") == two &&
         params.at("pad") == json({0, 0});
}

}  // namespace

std::optional<std::size_t> maxima_reader(const json& graph, const NetPlan& plan, std::size_t layer) {
  if (graph.at("layers")[layer].at("type") != "Convolution") return std::nullopt;
  const auto reader = only_reader(plan, layer);
  return reader && halves(graph.at("layers")[*reader]) ? reader : std::nullopt;
}

std::optional<std::size_t> rectifying_reader(const json& graph, const NetPlan& plan, std::size_t layer) {
  if (!is_prunable(graph.at("layers")[layer].at("type"))) return std::nullopt;
  const auto reader = only_reader(plan, layer);
  if (!reader) return std::nullopt;
  const json& read = graph.at("layers")[*reader];
  return read.at("type") == "ReLU" && read.at("tops") == read.at("bottoms") ? reader : std::nullopt;
}

bool is_prunable(const std::string& layer_type) { return layer_type == "Convolution" || layer_type == "InnerProduct"; }

bool keeps_elements(const std::string& layer_type) { return layer_type == "Flatten" || layer_type == "Reshape"; }

bool is_source(const std::string& layer_type) {
  return layer_type == "Data" || layer_type == "Input" || layer_type == "DummyData";
}

bool can_propagate(const std::string& layer_type, std::size_t bottom) {
  if (layer_type == "Accuracy" || layer_type == "ArgMax" || layer_type == "Threshold" || layer_type == "Silence" ||
      layer_type == "Embed") {
    return false;
  }
  if (layer_type == "SoftmaxWithLoss" || layer_type == "SigmoidCrossEntropyLoss" || layer_type == "InfogainLoss" ||
      layer_type == "HingeLoss" || layer_type == "MultinomialLogisticLoss" || layer_type == "Crop") {
    return bottom == 0;
  }
  return layer_type != "ContrastiveLoss" || bottom < 2;
}

std::vector<BlobVersion::Reader> NetPlan::gradient_readers(std::size_t version) const {
  std::vector<BlobVersion::Reader> propagating;
  for (const BlobVersion::Reader& reader : versions[version].readers) {
    const LayerPlan& layer = layers[reader.layer];
    if (layer.backward && layer.propagate_down[reader.bottom]) propagating.push_back(reader);
  }
  return propagating;
}

std::size_t NetPlan::restart(std::size_t layer) const {
  std::size_t first = layer;
  // A later version of a blob is one that a layer in place has made of it.
  const auto overwritten = [&](std::size_t read) {
    for (std::size_t later = read + 1; later < versions.size(); ++later) {
      if (versions[later].name == versions[read].name && versions[later].layer >= first) return true;
    }
    return false;
  };
  for (std::size_t l = first; l < layers.size();) {
    const auto lost = std::find_if(layers[l].bottoms.begin(), layers[l].bottoms.end(), [&](std::size_t read) {
      return versions[read].layer < first && overwritten(read);
    });
    if (lost == layers[l].bottoms.end()) {
      ++l;
    } else {
      l = first = versions[*lost].layer;
    }
  }
  return first;
}

NetPlan plan_net(const nlohmann::json& graph, bool gradients) {
  NetPlan plan;
  const json& layers = graph.at("layers");
  plan.layers.resize(layers.size());
  connect(layers, plan);
  plan_propagation(graph, plan);
  if (gradients) {
    bool has_loss = false;
    for (const BlobVersion& version : plan.versions) has_loss = has_loss || version.loss_weight != 0;
    plan_reach(!has_loss || graph.at("force_backward").get<bool>(), plan);
  } else {
    for (LayerPlan& layer : plan.layers) layer.backward = false;
  }
  for (LayerPlan& layer : plan.layers) {
    if (layer.backward) continue;
    layer.parameter_gradients = false;
    layer.propagate_down.assign(layer.bottoms.size(), false);
  }
  return plan;
}

}  // namespace olmp
