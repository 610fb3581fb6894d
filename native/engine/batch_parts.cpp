#include "engine/batch_parts.h"

#include <algorithm>
#include <set>

#include "engine/image_wise.h"
#include "engine/net_plan.h"

namespace olmp {
namespace {

using nlohmann::json;

std::string describe(const json& layer) {
  return "layer '" + layer.at("name").get<std::string>() + "' (" + layer.at("type").get<std::string>() + ')';
}

// Means over the images of a batch are the means of those of equal parts.
bool is_mean_over_images(const json& layer) {
  static const std::set<std::string> kMeans = {"EuclideanLoss", "HingeLoss", "ContrastiveLoss", "MultinomialLogisticLoss"};
  static const std::set<std::string> kNormalized = {"SoftmaxWithLoss", "SigmoidCrossEntropyLoss", "InfogainLoss", "Accuracy"};
  const auto type = layer.at("type").get<std::string>();
  const json& params = layer.at("params");
  if (kMeans.count(type) != 0) return true;
  if (kNormalized.count(type) == 0 || !params.at("ignore_label").is_null()) return false;  // parts may ignore different numbers
  if (type == "Accuracy") return layer.at("tops").size() == 1;  // one for each class is no mean over images
  return params.at("normalization") != "NONE";
}

bool begins_with(const json& shape, int batch) { return !shape.empty() && shape[0] == batch; }

}  // namespace

int batch_size(const json& graph) {
  int batch = 0;
  for (const json& layer : graph.at("layers")) {
    if (layer.at("type") != "Data") continue;
    const int own = layer.at("params").at("batch_size");
    if (batch != 0 && own != batch) return 0;
    batch = own;
  }
  return batch;
}

std::string why_not_in_parts(const json& graph) {
  const int batch = batch_size(graph);
  if (batch == 0) return "its batch does not come from Data layers of one batch_size";
  for (const json& layer : graph.at("layers")) {
    const auto type = layer.at("type").get<std::string>();
    if (type == "BatchNorm" && !layer.at("params").at("use_global_stats").get<bool>()) {
      return describe(layer) + " normalises by the statistics of the whole batch";
    }
    if (is_source(type)) {
      if (type != "Data") return describe(layer) + " is filled from outside";
    } else if (!is_mean_over_images(layer)) {
      const auto& weights = layer.at("loss_weights");
      const bool weighted = std::any_of(weights.begin(), weights.end(), [](const json& weight) { return weight != 0; });
      const auto& shapes = layer.at("top_shapes");
      const bool by_image = std::all_of(shapes.begin(), shapes.end(), [&](const json& s) { return begins_with(s, batch); });
      if (weighted || !by_image || !treats_images_alone(layer)) return describe(layer) + " takes the batch as a whole";
    }
  }
  return {};
}

json in_parts(json graph, int parts) {
  if (parts == 1) return graph;
  const int batch = batch_size(graph);
  for (json& layer : graph.at("layers")) {
    if (layer.at("type") == "Data") layer["params"]["batch_size"] = batch / parts;
    for (json& shape : layer.at("top_shapes")) {
      if (begins_with(shape, batch)) shape[0] = batch / parts;
    }
  }
  return graph;
}

}  // namespace olmp
