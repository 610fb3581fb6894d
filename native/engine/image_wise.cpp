#include "engine/image_wise.h"

#include <set>
#include <string>

namespace olmp {

bool treats_images_alone(const nlohmann::json& layer) {
  static const std::set<std::string> kAlways = {
      "Embed", "PReLU", "Pooling", "LRN", "SPP", "ReLU", "ELU", "Sigmoid", "TanH", "AbsVal", "BNLL", "Power", "Exp", "Log",
      "Swish", "Clip", "Threshold", "Dropout", "Eltwise", "Split", "Reshape", "MVN", "Silence"};
  // Where they begin behind the axis of the images.
  static const std::set<std::string> kByAxis = {"Convolution", "Deconvolution", "InnerProduct", "Scale", "Bias", "Im2col",
                                                "Crop", "Concat", "Slice", "Flatten", "Reduction", "Tile", "Softmax"};
  const auto type = layer.at("type").get<std::string>();
  const auto& params = layer.at("params");
  if (kAlways.count(type) != 0) return true;
  if (kByAxis.count(type) != 0) return params.at("axis").get<int>() >= 1;
  if (type == "ArgMax") return params.at("axis").is_null() || params.at("axis").get<int>() >= 1;
  return type == "BatchNorm" && params.at("use_global_stats").get<bool>();
}

}  // namespace olmp
