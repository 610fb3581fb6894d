// Times one training step: train_step [lenet5|lenet300|caffenet] [batch] [threads] [repetitions] [device] [width]. On the
// CPU layer by layer, on cuda or cuda-tf32 as a whole, 64 steps at a time. Prints medians and minima in microseconds.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "bench/device_bench.h"
#include "bench/graphs.h"
#include "engine/denormals.h"
#include "engine/filler.h"
#include "engine/net.h"

namespace {

using namespace olmp;

struct Samples {
  std::string what;
  std::vector<double> micros;
};

template <typename Work>
void time(Samples& samples, const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  samples.micros.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
}

void print(Samples& samples) {
  std::sort(samples.micros.begin(), samples.micros.end());
  std::printf("  %-22s median %9.1f  min %9.1f\n", samples.what.c_str(), samples.micros[samples.micros.size() / 2],
              samples.micros.front());
}

int run(const nlohmann::json& graph, int threads, int repetitions) {
  auto backend = make_cpu_backend(threads);
  ParameterStore parameters;
  Random random(1);
  Net net(graph, *backend, parameters, random, 1, threads, true);
  for (std::size_t i = 0; i < parameters.all().size(); ++i) {
    Tensor& tensor = parameters.all()[i]->tensor;
    fill(parameters.filler(i), tensor.shape, random, tensor.data);
  }
  Tensor& data = *net.blob("data");
  for (std::int64_t i = 0; i < data.count(); ++i) data.data[i] = random.uniform(-1, 1);
  std::vector<FloatBuffer> history;
  for (const auto& parameter : parameters.all()) history.push_back(backend->allocate(parameter->tensor.count(), "history"));

  UpdateRule rule;
  rule.rate = 1e-4F;
  rule.momentum = 0.9F;
  rule.decay = 5e-4F;
  const auto update = [&] {
    for (std::size_t i = 0; i < history.size(); ++i) {
      Tensor& tensor = parameters.all()[i]->tensor;
      backend->update(rule, tensor.data, tensor.diff, history[i].get(), nullptr, tensor.count());
    }
  };
  const auto clear = [&] {
    for (const auto& parameter : parameters.all()) parameter->diff_cleared = true;
  };
  std::vector<std::string> names;
  for (const auto& layer : graph.at("layers")) {
    if (layer.at("type") != "Input") names.push_back(layer.at("name"));
  }
  std::vector<Samples> per_layer;
  for (const std::string& name : names) per_layer.push_back({name + " forward", {}});
  for (const std::string& name : names) per_layer.push_back({name + " backward", {}});
  Samples forward{"forward", {}}, backward{"backward", {}}, updating{"update", {}}, step{"whole step", {}};
  for (int r = -2; r < repetitions; ++r) {
    time(step, [&] {
      time(forward, [&] { net.forward(false, false); });
      clear();
      time(backward, [&] { net.backward(); });
      time(updating, update);
    });
    clear();
    const FlushDenormals guard;
    for (std::size_t l = 0; l < names.size(); ++l) time(per_layer[l], [&] { net.layers()[l]->forward(); });
    for (std::size_t l = names.size(); l-- > 0;) {
      time(per_layer[names.size() + l], [&] { net.layers()[l]->backward(); });
    }
    if (r < 0) {  // warming up
      for (Samples* samples : {&forward, &backward, &updating, &step}) samples->micros.clear();
      for (Samples& samples : per_layer) samples.micros.clear();
    }
  }
  std::printf("%s, %d threads, %.1f MB\n", graph.at("name").get<std::string>().c_str(), threads,
              static_cast<double>(net.memory_bytes()) / 1e6);
  for (Samples& samples : per_layer) print(samples);
  for (Samples* samples : {&forward, &backward, &updating, &step}) print(*samples);
  return 0;
}

int run_on_device(const nlohmann::json& graph, const std::string& device, int threads, int repetitions) {
  const auto session = open_bench_session(graph, device, threads, 10);
  constexpr int kSteps = 64;
  std::printf("%s on %s\n", graph.at("name").get<std::string>().c_str(), device.c_str());
  const auto never = [] { return false; };
  time_units("forward", repetitions, kSteps, [&] { session->test(kSteps, never); });
  time_units("whole step", repetitions, kSteps, [&] { session->train(kSteps, {}, never); });
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string net = argc > 1 ? argv[1] : "lenet5";
  const int batch = argc > 2 ? std::atoi(argv[2]) : 64;
  const int threads = argc > 3 ? std::atoi(argv[3]) : 1;
  const int repetitions = argc > 4 ? std::atoi(argv[4]) : 100;
  const std::string device = argc > 5 ? argv[5] : "cpu";
  const int width = argc > 6 ? std::atoi(argv[6]) : 1;
  if (batch < 1 || threads < 1 || repetitions < 1 || width < 1 || !is_bench_device(device)) {
    std::fprintf(stderr, "usage: train_step [lenet5|lenet300|caffenet] [batch] [threads] [repetitions] [cpu|cuda|cuda-tf32] [width]\n");
    return 2;
  }
  const nlohmann::json graph =
      net == "lenet300" ? lenet300_graph(batch, width) : net == "caffenet" ? caffenet_graph(batch) : lenet5_graph(batch, width);
  return device == "cpu" ? run(graph, threads, repetitions) : run_on_device(graph, device, threads, repetitions);
}
