// The nets the benchmarks time, as NetGraphs with Input layers.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace olmp {

// `width`: of every hidden layer, times that of the net.
nlohmann::json lenet5_graph(int batch, int width = 1);
nlohmann::json lenet300_graph(int batch, int width = 1);
nlohmann::json caffenet_graph(int batch);

}  // namespace olmp
