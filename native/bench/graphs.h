// The nets the benchmarks time, as NetGraphs with Input layers.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace olmp {

nlohmann::json lenet5_graph(int batch);
nlohmann::json lenet300_graph(int batch);
nlohmann::json caffenet_graph(int batch);

}  // namespace olmp
