#include "engine/memory_estimate.h"

#include <vector>

#include "cuda/cuda.h"
#include "engine/batch_parts.h"
#include "engine/net.h"
#include "engine/solver.h"

namespace olmp {
namespace {

using nlohmann::json;

// Nothing is read for an estimate.
json without_data(json graph) {
  for (json& layer : graph.at("layers")) {
    if (layer.at("type") != "Data") continue;
    layer["type"] = "Input";
    layer["params"] = json::object();
  }
  return graph;
}

std::int64_t input_bytes(const json& graph) {
  std::int64_t floats = 0;
  for (const json& layer : graph.at("layers")) {
    if (layer.at("type") != "Data") continue;
    for (const json& shape : layer.at("top_shapes")) floats += count(shape.get<Shape>());
  }
  return floats * static_cast<std::int64_t>(sizeof(float));
}

std::int64_t needed(const json& train, const json& test, const json& solver, const BatchParts& parts) {
  const std::unique_ptr<Backend> backend = make_measuring_cuda_backend();
  const std::int64_t free = backend->memory()->free_bytes;
  const bool test_gradients = !test.is_null() && test.at("force_backward").get<bool>();
  ParameterStore parameters(!train.is_null() || test_gradients);
  Random random(1);
  std::int64_t bytes = 0;
  std::vector<std::unique_ptr<Net>> nets;
  const auto add = [&](const json& graph, int own_parts, bool gradients) {
    const json part = in_parts(graph, own_parts);
    nets.push_back(std::make_unique<Net>(without_data(part), *backend, parameters, random, 1, 1, gradients));
    bytes += 2 * input_bytes(part);  // batches on their way
  };
  if (!train.is_null()) add(train, parts.train, true);
  if (!test.is_null()) add(test, parts.test, test_gradients);
  std::unique_ptr<Solver> own;
  if (!solver.is_null()) own = std::make_unique<Solver>(parse_solver(solver), *backend, parameters);
  for (const auto& parameter : parameters.all()) {
    // A mask, the masked values, and the squares of gradients by which they are scored.
    if (parameter->prunable >= 0) bytes += 3 * parameter->tensor.count() * static_cast<std::int64_t>(sizeof(float));
  }
  return bytes + free - backend->memory()->free_bytes;
}

std::vector<int> divisors(int number) {
  std::vector<int> all;
  for (int d = 1; d <= number; ++d) {
    if (number % d == 0) all.push_back(d);
  }
  return all;
}

// The fewest parts by which a batch of the test net is no larger than one of the train net's parts.
int test_parts(const json& test, int largest) {
  if (test.is_null() || !why_not_in_parts(test).empty()) return 1;
  for (const int parts : divisors(batch_size(test))) {
    if (batch_size(test) / parts <= largest) return parts;
  }
  return 1;
}

}  // namespace

MemoryEstimate estimate_memory(const json& train, const json& test, const json& solver, const DeviceMemory& memory) {
  MemoryEstimate estimate;
  estimate.memory = memory;
  const auto measure = [&] {
    estimate.needed_bytes = needed(train, test, solver, estimate.parts) + memory.reserve_bytes;
    estimate.fits = estimate.needed_bytes <= memory.free_bytes;
  };
  measure();
  if (estimate.fits) return estimate;
  const json& largest = train.is_null() ? test : train;
  estimate.why_not_in_parts = why_not_in_parts(largest);
  if (!estimate.why_not_in_parts.empty()) return estimate;
  const int batch = batch_size(largest);
  for (const int parts : divisors(batch)) {
    BatchParts tried;
    if (!train.is_null()) tried.train = parts;
    tried.test = train.is_null() ? parts : test_parts(test, batch / parts);
    estimate.parts = tried;
    measure();
    if (estimate.fits) break;
  }
  return estimate;
}

}  // namespace olmp
