// A whole compression in cycles of a LeNet, from MNIST's idx files, without Node: compress_mnist FOLDER [lenet5|lenet300]
// [device] [kept] [training iterations] [effort]. FOLDER holds train-images-idx3-ubyte and the like; the net is trained from
// its fillers first, then compressed by the rule of main/olmp/cycleRule.ts with copies and a teacher, at an effort of 0.2
// (quick), 0.5 (standard) or 1 (thorough). What is dead is not removed on the way.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "bench/cycles.h"
#include "bench/graphs.h"
#include "data/datums.h"
#include "engine/error.h"

namespace {

using namespace olmp;
using nlohmann::json;

constexpr int kTrainBatch = 64;
constexpr int kTestBatch = 100;
constexpr int kTrainImages = 60000;
constexpr int kTestImages = 10000;

// With a Data layer in place of the Input layers, an accuracy, and biases that learn twice as fast, as Caffe's LeNets have it.
json on_mnist(json graph, const std::string& lmdb, bool train) {
  const int batch = train ? kTrainBatch : kTestBatch;
  json& layers = graph["layers"];
  json data = layers[0];
  data["name"] = "mnist";
  data["type"] = "Data";
  data["tops"] = {"data", "label"};
  data["top_shapes"] = {{batch, 1, 28, 28}, {batch}};
  data["loss_weights"] = {0, 0};
  data["params"] = {{"source", lmdb},
                    {"batch_size", batch},
                    {"datum_shape", {1, 28, 28}},
                    {"transform",
                     {{"scale", 0.00390625}, {"mirror", false}, {"crop_size", 0}, {"mean_file", ""},
                      {"mean_value", json::array()}, {"force_color", false}, {"force_gray", false}}}};
  if (train) {
    const json copies = {{"copies", 4}, {"cleanShare", 0.25}, {"shift", 1.0}, {"rotate", 8.0}, {"scale", 0.08}};
    data["params"]["sampling"] = {{"held", 0}, {"part", "rest"}, {"shuffle", true}, {"augmentation", copies}, {"seed", 1}};
  }
  json accuracy = layers.back();
  accuracy["name"] = "accuracy";
  accuracy["type"] = "Accuracy";
  accuracy["tops"] = {"accuracy"};
  accuracy["loss_weights"] = {0};
  accuracy["params"] = {{"top_k", 1}, {"axis", 1}, {"ignore_label", nullptr}};
  graph["phase"] = train ? "TRAIN" : "TEST";
  layers.erase(1);
  layers[0] = data;
  layers.push_back(accuracy);
  for (json& layer : layers) {
    if (layer["parameters"].size() == 2) layer["parameters"][1]["lr_mult"] = 2;
  }
  return graph;
}

// cycleRule.ts, the rows of fully connected and convolutional nets.
CyclePlan plan_of(bool convolutional, double effort, int training, std::int64_t kept) {
  const double step = effort >= 1 ? 1 : effort >= 0.5 ? 2 : 4;
  const auto iterations = [&](double epochs) {
    return std::max(1, static_cast<int>(std::lround(epochs * effort * kTrainImages / kTrainBatch)));
  };
  const auto stage = [&](double above, double removed, double epochs) {
    return CycleStage{above, std::min(0.6, 1 - std::pow(1 - removed, step)), iterations(epochs)};
  };
  CyclePlan plan;
  plan.fine_tuning = training;
  plan.fine_tuning_rate = 0.05;
  plan.fine_tuning_decay = 5e-4;
  plan.rate = convolutional ? 0.05 : 0.2;
  plan.decay = 1e-4;
  const int rounds = static_cast<int>(std::lround((convolutional ? 25 : 70) * (effort >= 0.5 ? effort : 0.2)));
  if (convolutional) {
    plan.stages = {stage(0.035, 0.5, 0.43), stage(0.0056, 0.2, 3.4), stage(0, 0.06, 3.4)};
    plan.growth = {0.0056, 0.5, 0.5, 2, 200, iterations(2.1), rounds, iterations(3.2)};
  } else {
    plan.stages = {stage(0.11, 0.5, 1.1), stage(0.0094, 0.2, 4.3), stage(0, 0.03, 5.3)};
    plan.growth = {0.0094, 0.3, 0.1, 1, 200, iterations(2.1), rounds, iterations(3.2)};
  }
  plan.warmup = std::min(100, (plan.stages[0].iterations + 9) / 10);
  plan.fisher_batches = convolutional ? 60 : 200;
  plan.teacher_weight = 0.5;
  plan.temperature = 2;
  plan.kept = kept;
  plan.test_iterations = kTestImages / kTestBatch;
  return plan;
}

std::string lmdb_of(const std::string& files, const std::string& part, const std::filesystem::path& work) {
  const std::string folder = (work / part).string();
  convert_mnist(files + '/' + part + "-images-idx3-ubyte", files + '/' + part + "-labels-idx1-ubyte", folder);
  return folder;
}

void compress(const std::string& files, bool convolutional, const std::string& device, const CyclePlan& plan,
              const std::filesystem::path& work) {
  SessionOptions options;
  const auto graph = [&](int batch) { return convolutional ? lenet5_graph(batch) : lenet300_graph(batch); };
  options.train = on_mnist(graph(kTrainBatch), lmdb_of(files, "train", work), true).dump();
  options.test = on_mnist(graph(kTestBatch), lmdb_of(files, "t10k", work), false).dump();
  options.solver = json{{"type", "SGD"}, {"base_lr", 0.01}, {"lr_policy", "fixed"}, {"gamma", 0}, {"power", 0}, {"stepsize", 0},
                        {"stepvalue", json::array()}, {"max_iter", 1}, {"momentum", 0.9}, {"momentum2", 0}, {"rms_decay", 0},
                        {"delta", 0}, {"weight_decay", 5e-4}, {"regularization_type", "L2"}, {"clip_gradients", -1},
                        {"iter_size", 1}}.dump();
  options.device = device == "cuda-tf32" ? "cuda" : device;
  options.tf32 = device == "cuda-tf32";
  Session session(options);
  session.fill_parameters();
  const auto start = std::chrono::steady_clock::now();
  const auto total = static_cast<double>(prunable_parameters(session));
  const std::vector<std::string> outputs = session.outputs(Phase::kTest);
  const auto accuracy = static_cast<std::size_t>(std::find(outputs.begin(), outputs.end(), "accuracy") - outputs.begin());
  std::printf("%8s %10s %12s %10s %10s\n", "cycle", "kept", "compression", "accuracy", "seconds");
  run_cycles(session, plan, [&](const CycleRecord& record) {
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    std::printf("%8d %10lld %11.1fx %9.2f%% %10.1f\n", record.cycle, static_cast<long long>(record.kept),
                total / static_cast<double>(record.kept), 100 * record.tested[accuracy], elapsed.count());
    std::fflush(stdout);
  });
}

}  // namespace

int main(int argc, char** argv) {
  const bool convolutional = argc <= 2 || std::string(argv[2]) != "lenet300";
  const std::string device = argc > 3 ? argv[3] : "cpu";
  const std::int64_t kept = argc > 4 ? std::atoll(argv[4]) : (convolutional ? 1250 : 1300);
  const int training = argc > 5 ? std::atoi(argv[5]) : 12000;
  const double effort = argc > 6 ? std::atof(argv[6]) : 0.5;
  if (argc < 2 || kept < 1 || training < 1 || effort <= 0 || effort > 1) {
    std::fprintf(stderr, "usage: compress_mnist FOLDER [lenet5|lenet300] [cpu|cuda|cuda-tf32] [kept] [training iterations] "
                         "[effort 0.2|0.5|1]\n");
    return 2;
  }
  const auto work = std::filesystem::temp_directory_path() / ("compress_mnist-" + std::to_string(std::random_device()()));
  int status = 0;
  try {
    std::filesystem::create_directories(work);
    compress(argv[1], convolutional, device, plan_of(convolutional, effort, training, kept), work);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    status = 1;
  }
  std::filesystem::remove_all(work);
  return status;
}
