// Times whole training steps of a masked net on frozen masks, on masks that may still change, and unmasked:
// sparse_step [lenet5|lenet300] [batch] [threads] [repetitions] [device] [densities...]. A density per prunable layer; without
// any, those of the nets that OLMP's authors published. Medians and minima in microseconds; device: cpu (if it is left out),
// cuda or cuda-tf32.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "bench/device_bench.h"
#include "bench/graphs.h"
#include "engine/denormals.h"
#include "engine/mask.h"
#include "engine/net.h"
#include "engine/solver.h"

namespace {

using namespace olmp;

// Shares of the weights and of the biases that a layer keeps, and of its rows that keep any.
struct Density {
  double weights;
  double biases;
  double rows;
};

const std::vector<Density> kLenet5{{68.0 / 500, 5.0 / 20, 9.0 / 20},
                                   {189.0 / 25000, 4.0 / 50, 15.0 / 50},
                                   {813.0 / 400000, 0, 82.0 / 500},
                                   {369.0 / 5000, 0, 1}};
const std::vector<Density> kLenet300{{1744.0 / 235200, 26.0 / 300, 59.0 / 300}, {469.0 / 30000, 8.0 / 100, 47.0 / 100}, {102.0 / 1000, 0, 1}};

std::vector<float> random_mask(const Tensor& tensor, const Density& density, Random& random) {
  std::vector<float> mask(static_cast<std::size_t>(tensor.count()));
  const auto rows = static_cast<std::size_t>(tensor.shape[0]);
  const std::size_t columns = mask.size() / rows;
  const bool weights = tensor.shape.size() > 1;
  const double within = weights ? density.weights / density.rows : density.biases;
  for (std::size_t row = 0; row < rows; ++row) {
    if (weights && static_cast<double>(row) >= density.rows * static_cast<double>(rows)) continue;
    for (std::size_t column = 0; column < columns; ++column) {
      mask[row * columns + column] = random.uniform(0, 1) < static_cast<float>(within) ? 1.0F : 0.0F;
    }
  }
  return mask;
}

struct Times {
  std::vector<double> micros;
  void print(const char* what) {
    std::sort(micros.begin(), micros.end());
    std::printf("    %-10s median %9.1f  min %9.1f\n", what, micros[micros.size() / 2], micros.front());
  }
};

template <typename Work>
void time(Times& times, const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  times.micros.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
}

class Bench {
 public:
  Bench(const nlohmann::json& graph, int threads)
      : backend_(make_cpu_backend(threads)), net_(graph, *backend_, parameters_, random_, 1, threads, true) {
    for (std::size_t i = 0; i < parameters_.all().size(); ++i) {
      Tensor& tensor = parameters_.all()[i]->tensor;
      fill(parameters_.filler(i), tensor.shape, random_, tensor.data);
    }
    Tensor& data = *net_.blob("data");
    for (std::int64_t i = 0; i < data.count(); ++i) data.data[i] = random_.uniform(0, 1);
    solver_ = std::make_unique<Solver>(
        parse_solver({{"type", "SGD"}, {"base_lr", 1e-4}, {"lr_policy", "fixed"}, {"gamma", 0}, {"power", 0},
                      {"stepsize", 0}, {"stepvalue", nlohmann::json::array()}, {"max_iter", 1}, {"momentum", 0.9},
                      {"momentum2", 0}, {"rms_decay", 0}, {"delta", 0}, {"weight_decay", 5e-4},
                      {"regularization_type", "L2"}, {"clip_gradients", -1}, {"iter_size", 1}}),
        *backend_, parameters_);
    masks_ = std::make_unique<Masks>(*backend_, parameters_, RateEncoding::kExact);
  }

  void mask(const std::vector<Density>& densities) {
    for (const auto& parameter : parameters_.all()) {
      if (parameter->prunable < 0) continue;
      const auto layer = static_cast<std::size_t>(parameter->prunable);
      masks_->set_mask(*parameter, random_mask(parameter->tensor, densities[layer], random_).data());
    }
    std::printf("  %lld kept\n", static_cast<long long>(masks_->kept()));
  }
  void freeze() { masks_->freeze(true); }

  void run(const char* what, int repetitions) {
    const FlushDenormals guard;
    Times forward, backward, update, step;
    for (int r = -3; r < repetitions; ++r) {
      if (r == 0) forward = backward = update = step = {};
      time(step, [&] {
        solver_->clear_gradients();
        time(forward, [&] { net_.forward(false, false); });
        time(backward, [&] { net_.backward(); });
        time(update, [&] {
          solver_->update(0);
          masks_->values_updated();
        });
      });
    }
    std::printf("  %s\n", what);
    forward.print("forward");
    backward.print("backward");
    update.print("update");
    step.print("step");
  }

 private:
  std::unique_ptr<Backend> backend_;
  ParameterStore parameters_;
  Random random_{1};
  Net net_;
  std::unique_ptr<Solver> solver_;
  std::unique_ptr<Masks> masks_;
};

int run_on_device(const nlohmann::json& graph, const std::string& device, int threads, int repetitions,
                  const std::vector<Density>& densities) {
  const auto session = open_bench_session(graph, device, threads, 10);
  constexpr int kSteps = 64;
  const auto time_steps = [&](const char* what) {
    std::printf("  %s\n", what);
    time_units("step", repetitions, kSteps, [&] { session->train(kSteps, {}, [] { return false; }); });
  };
  time_steps("unmasked");
  Random random(1);
  const auto& all = session->parameters().all();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto layer = static_cast<std::size_t>(all[i]->prunable);
    session->set_parameter(i, ParameterPart::kMask, random_mask(all[i]->tensor, densities[layer], random));
  }
  time_steps("masks that may change");
  session->freeze_masks(true);
  time_steps("frozen masks");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const bool lenet300 = argc > 1 && std::string(argv[1]) == "lenet300";
  const int batch = argc > 2 ? std::atoi(argv[2]) : 64;
  const int threads = argc > 3 ? std::atoi(argv[3]) : 1;
  const int repetitions = argc > 4 ? std::atoi(argv[4]) : 100;
  if (batch < 1 || threads < 1 || repetitions < 1) {
    std::fprintf(stderr, "usage: sparse_step [lenet5|lenet300] [batch] [threads] [repetitions] [cpu|cuda|cuda-tf32] [densities...]\n");
    return 2;
  }
  const bool named = argc > 5 && is_bench_device(argv[5]);
  const std::string device = named ? argv[5] : "cpu";
  const int first = named ? 6 : 5;
  std::vector<Density> densities = lenet300 ? kLenet300 : kLenet5;
  for (int i = first; i < argc; ++i) densities.at(static_cast<std::size_t>(i - first)) = {std::atof(argv[i]), 1, 1};
  std::printf("%s, batch %d, %d threads\n", lenet300 ? "LeNet-300-100" : "LeNet-5", batch, threads);
  if (device != "cpu") {
    return run_on_device(lenet300 ? lenet300_graph(batch) : lenet5_graph(batch), device, threads, repetitions, densities);
  }
  Bench bench(lenet300 ? lenet300_graph(batch) : lenet5_graph(batch), threads);
  bench.run("unmasked", repetitions);
  bench.mask(densities);
  bench.run("masks that may change", repetitions);
  bench.freeze();
  bench.run("frozen masks", repetitions);
  return 0;
}
