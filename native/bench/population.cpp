// Times the evaluation of a population of masked nets, as a search does it: masks from rates, forward, loss.
// population [lenet5|lenet300] [share kept] [batch] [threads] [repetitions] [device]. Microseconds per candidate; device: cpu,
// cuda or cuda-tf32.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "bench/device_bench.h"
#include "bench/graphs.h"
#include "engine/session.h"

namespace {

using namespace olmp;

constexpr int kCandidates = 10;  // the population of the published experiment

// Magnitudes of a layer, weights and biases together, ascending.
std::vector<std::vector<float>> magnitudes(const Session& session) {
  std::vector<std::vector<float>> layers(session.prunable_layers().size());
  for (std::size_t p = 0; p < session.parameters().all().size(); ++p) {
    const int layer = session.parameters().all()[p]->prunable;
    if (layer < 0) continue;
    for (const float value : session.get_parameter(p, ParameterPart::kValue)) {
      layers[static_cast<std::size_t>(layer)].push_back(std::abs(value));
    }
  }
  for (auto& layer : layers) std::sort(layer.begin(), layer.end());
  return layers;
}

// Rates by which each layer keeps about this share, a little different for each candidate: of a net without masks what is
// above 0.9 times the threshold is kept.
std::vector<double> rates_of(const Session& session, const std::vector<LayerMoments>& moments, double share) {
  Random random(7);
  const auto sorted = magnitudes(session);
  std::vector<double> rates;
  for (int candidate = 0; candidate < kCandidates; ++candidate) {
    for (std::size_t layer = 0; layer < moments.size(); ++layer) {
      const double kept = std::min(1.0, share * random.uniform(0.8F, 1.2F));
      const auto n = static_cast<double>(sorted[layer].size());
      const auto place = static_cast<std::size_t>(std::min(n - 1, std::floor(n * (1 - kept))));
      rates.push_back((static_cast<double>(sorted[layer][place]) / 0.9 - moments[layer].mu) / moments[layer].sigma);
    }
  }
  return rates;
}

int run(const nlohmann::json& graph, double share, int threads, int repetitions, const std::string& device) {
  SessionOptions options;
  options.train = graph.dump();
  options.threads = threads;
  options.device = device == "cuda-tf32" ? "cuda" : device;
  options.tf32 = device == "cuda-tf32";
  Session session(options);
  session.fill_parameters();
  Random random(1);
  const auto place = [&](const char* blob, std::size_t count, auto value) {
    std::vector<float> values(count);
    for (float& element : values) element = value();
    session.set_blob(Phase::kTrain, blob, BlobPart::kData, values);
  };
  const auto batch = graph["layers"][0]["top_shapes"][0][0].get<std::size_t>();
  place("data", batch * 784, [&] { return random.uniform(0, 1); });
  place("label", batch, [&] { return static_cast<float>(random.next() % 10); });

  session.set_moments(session.compute_moments());
  const std::vector<double> rates = rates_of(session, session.compute_moments(), share);
  std::int64_t total = 0;
  for (const KeptCounts& layer : session.kept_counts()) total += layer.weights + layer.biases;
  std::vector<double> micros;
  double kept = 0;
  for (int r = -2; r < repetitions; ++r) {
    const auto start = std::chrono::steady_clock::now();
    const RateEvaluations evaluations = session.evaluate_rates(rates, false, [] { return false; });
    const std::chrono::duration<double, std::micro> elapsed = std::chrono::steady_clock::now() - start;
    if (r >= 0) micros.push_back(elapsed.count() / kCandidates);
    kept = 0;
    for (const double count : evaluations.kept) kept += count / kCandidates;
  }
  std::sort(micros.begin(), micros.end());
  std::printf("%s, %d threads, %.2f%% kept\n", graph["name"].get<std::string>().c_str(), threads,
              100 * kept / static_cast<double>(total));
  std::printf("  %-22s median %9.1f  min %9.1f\n", "evaluation", micros[micros.size() / 2], micros.front());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const bool lenet300 = argc > 1 && std::string(argv[1]) == "lenet300";
  const double share = argc > 2 ? std::atof(argv[2]) : 0.1;
  const int batch = argc > 3 ? std::atoi(argv[3]) : 64;
  const int threads = argc > 4 ? std::atoi(argv[4]) : 1;
  const int repetitions = argc > 5 ? std::atoi(argv[5]) : 20;
  const std::string device = argc > 6 ? argv[6] : "cpu";
  if (share <= 0 || share > 1 || batch < 1 || threads < 1 || repetitions < 1 || !is_bench_device(device)) {
    std::fprintf(stderr,
                 "usage: population [lenet5|lenet300] [share kept] [batch] [threads] [repetitions] [cpu|cuda|cuda-tf32]\n");
    return 2;
  }
  return run(lenet300 ? lenet300_graph(batch) : lenet5_graph(batch), share, threads, repetitions, device);
}
