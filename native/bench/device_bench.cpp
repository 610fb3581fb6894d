#include "bench/device_bench.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "engine/random.h"

namespace olmp {
namespace {

using nlohmann::json;

json solver() {
  return {{"type", "SGD"}, {"base_lr", 1e-4}, {"lr_policy", "fixed"}, {"gamma", 0}, {"power", 0}, {"stepsize", 0},
          {"stepvalue", json::array()}, {"max_iter", 1}, {"momentum", 0.9}, {"momentum2", 0}, {"rms_decay", 0}, {"delta", 0},
          {"weight_decay", 5e-4}, {"regularization_type", "L2"}, {"clip_gradients", -1}, {"iter_size", 1}};
}

}  // namespace

bool is_bench_device(const std::string& name) {
  return name == "cpu" || name == "cuda" || name == "cuda-tf32" || name == "cuda-emulated";
}

std::unique_ptr<Session> open_bench_session(json graph, const std::string& device, int threads, int classes) {
  SessionOptions options;
  options.train = graph.dump();
  graph["phase"] = "TEST";
  options.test = graph.dump();
  options.solver = solver().dump();
  options.device = device == "cuda-tf32" ? "cuda" : device;
  options.tf32 = device == "cuda-tf32";
  options.threads = threads;
  auto session = std::make_unique<Session>(options);
  session->fill_parameters();
  Random random(1);
  const json& layers = graph.at("layers");
  for (const Phase phase : {Phase::kTrain, Phase::kTest}) {
    for (std::size_t l = 0; l < 2; ++l) {
      std::vector<float> values(static_cast<std::size_t>(count(layers[l].at("top_shapes")[0].get<Shape>())));
      for (float& value : values) {
        value = l == 0 ? random.uniform(0, 1) : static_cast<float>(random.below(static_cast<std::uint32_t>(classes)));
      }
      session->set_blob(phase, layers[l].at("tops")[0], BlobPart::kData, values);
    }
  }
  return session;
}

void time_units(const char* what, int repetitions, int units, const std::function<void()>& work) {
  std::vector<double> micros;
  for (int r = -2; r < repetitions; ++r) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double, std::micro> elapsed = std::chrono::steady_clock::now() - start;
    if (r >= 0) micros.push_back(elapsed.count() / units);
  }
  std::sort(micros.begin(), micros.end());
  std::printf("  %-22s median %9.1f  min %9.1f\n", what, micros[micros.size() / 2], micros.front());
}

}  // namespace olmp
