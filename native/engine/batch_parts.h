// Computing a batch in equal parts, one after the other, where it does not fit a device's memory: gradients are accumulated,
// losses and outputs are means over the parts.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace olmp {

// Images of a batch of the NetGraph's Data layers; 0 where there are none, or they differ.
int batch_size(const nlohmann::json& graph);

// Why a batch in parts would not give the same, but for rounding; empty where it does.
std::string why_not_in_parts(const nlohmann::json& graph);

// The same net for a `parts`-th of the batch, which `parts` divides.
nlohmann::json in_parts(nlohmann::json graph, int parts);

}  // namespace olmp
