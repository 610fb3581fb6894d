// Which layers treat every image of a batch by itself, so that a batch may be cut into parts or several batches be put
// side by side.
#pragma once

#include <nlohmann/json.hpp>

namespace olmp {

// Of a layer of a NetGraph that is no source: image n of its tops depends on image n of its bottoms alone. (Dropout and
// stochastic pooling too, but for which random numbers they draw.)
bool treats_images_alone(const nlohmann::json& layer);

}  // namespace olmp
