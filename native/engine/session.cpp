#include "engine/session.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cuda/cuda.h"
#include "engine/batch_parts.h"
#include "engine/denormals.h"
#include "engine/error.h"

namespace olmp {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

nlohmann::json parse_json(const std::string& text, const char* what) {
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    throw Error("bad-argument", std::string("the description of the ") + what + " is not JSON: " + error.what());
  }
}

std::unique_ptr<Backend> make_backend(const SessionOptions& options) {
  if (options.threads < 1) throw Error("bad-argument", "a session needs at least one thread");
  if (options.device == "cpu") return make_cpu_backend(options.threads);
  if (options.device == "cuda") return make_cuda_backend({options.tf32});
  if (options.device == "cuda-emulated") {  // for tests
    EmulatedCudaOptions emulated;
    emulated.device.tf32 = options.tf32;
    return make_emulated_cuda_backend(emulated);
  }
  throw Error("bad-argument", "unknown device '" + options.device + "'");
}

bool is_source(const std::string& type) { return type == "Data" || type == "DummyData" || type == "Input"; }

std::vector<std::string> source_tops(const nlohmann::json& graph) {
  std::vector<std::string> tops;
  for (const auto& layer : graph.at("layers")) {
    if (!is_source(layer.at("type"))) continue;
    for (const auto& top : layer.at("tops")) tops.push_back(top);
  }
  return tops;
}

// The accuracy that a search goes by: the last one in the net with the smallest top_k, since nets with auxiliary
// classifiers measure the main one last.
std::string accuracy_top(const nlohmann::json& graph) {
  std::string name;
  int smallest = std::numeric_limits<int>::max();
  for (const auto& layer : graph.at("layers")) {
    if (layer.at("type") != "Accuracy") continue;
    const int top_k = layer.at("params").at("top_k");
    if (top_k > smallest) continue;
    smallest = top_k;
    name = layer.at("tops").at(0);
  }
  return name;
}

// Sums of what a pass gives, for the mean over iter_size passes or test batches.
void add_outputs(const Net& net, double* sums) {
  for (std::size_t i = 0; i < net.outputs().size(); ++i) sums[i] += net.output(i);
}

}  // namespace

std::optional<MemoryEstimate> estimate_memory(const SessionOptions& options) {
  const auto memory = options.device == "cuda" ? cuda_memory() : std::nullopt;
  if (!memory) return std::nullopt;
  const auto parsed = [](const std::string& text, const char* what) {
    return text.empty() ? nlohmann::json() : parse_json(text, what);
  };
  try {
    return estimate_memory(parsed(options.train, "train net"), parsed(options.test, "test net"),
                           parsed(options.solver, "solver"), *memory);
  } catch (const nlohmann::json::exception& error) {
    throw Error("bad-argument", std::string("the description of a net or solver is incomplete: ") + error.what());
  }
}

Session::Session(const SessionOptions& options) : Session(options, make_backend(options)) {}

Session::Session(const SessionOptions& options, std::unique_ptr<Backend> backend)
    : backend_(std::move(backend)), random_(options.seed), rate_encoding_(options.rate_encoding) {
  if (options.train.empty() && options.test.empty()) throw Error("bad-argument", "a session needs a net");
  std::string why_whole;
  try {
    nlohmann::json train;
    nlohmann::json test;
    nlohmann::json solver;
    if (!options.train.empty()) train = parse_json(options.train, "train net");
    if (!options.test.empty()) test = parse_json(options.test, "test net");
    if (!options.solver.empty()) solver = parse_json(options.solver, "solver");
    if (const auto memory = backend_->memory()) {
      const MemoryEstimate estimate = estimate_memory(train, test, solver, *memory);
      batch_parts_ = estimate.parts;
      why_whole = estimate.why_not_in_parts;
      if (!train.is_null()) train = in_parts(std::move(train), batch_parts_.train);
      if (!test.is_null()) test = in_parts(std::move(test), batch_parts_.test);
      if (!solver.is_null()) solver["iter_size"] = solver.at("iter_size").get<int>() * batch_parts_.train;
    }
    test_gradients_ = !test.is_null() && test.at("force_backward").get<bool>();
    parameters_ = std::make_unique<ParameterStore>(!train.is_null() || test_gradients_);
    if (!train.is_null()) {
      train_ = std::make_unique<Net>(train, *backend_, *parameters_, random_, options.seed + 1, options.threads, true);
      train_inputs_ = source_tops(train);
      if (batch_parts_.train > 1) train_->remember_parts(batch_parts_.train);
      const auto& outputs = train_->outputs();
      const auto accuracy = std::find(outputs.begin(), outputs.end(), accuracy_top(train));
      if (accuracy != outputs.end()) accuracy_index_ = static_cast<int>(accuracy - outputs.begin());
    }
    if (!test.is_null()) {
      test_ = std::make_unique<Net>(test, *backend_, *parameters_, random_, options.seed + 2, options.threads,
                                    test_gradients_);
      test_inputs_ = source_tops(test);
      if (batch_parts_.test > 1) test_->remember_parts(batch_parts_.test);
    }
    if (!solver.is_null()) {
      if (!train_) throw Error("bad-argument", "a solver needs a train net");
      solver_ = std::make_unique<Solver>(parse_solver(solver), *backend_, *parameters_);
    }
  } catch (const Error& error) {
    if (error.code() != "out-of-gpu-memory" || why_whole.empty()) throw;
    throw Error(error.code(), std::string(error.what()) + " The batch cannot be computed in parts: " + why_whole + '.');
  } catch (const nlohmann::json::exception& error) {
    throw Error("bad-argument", std::string("the description of a net or solver is incomplete: ") + error.what());
  }
  masks_ = std::make_unique<Masks>(*backend_, *parameters_, options.rate_encoding);
  update_memory_bytes();
}

Session::~Session() = default;

Net& Session::net(Phase phase) const {
  const auto& net = phase == Phase::kTrain ? train_ : test_;
  if (net) return *net;
  throw Error("no-net", std::string("the session has no ") + (phase == Phase::kTrain ? "train" : "test") + " net");
}

std::vector<std::string> Session::outputs(Phase phase) const {
  const auto& net = phase == Phase::kTrain ? train_ : test_;
  return net ? net->outputs() : std::vector<std::string>{};
}

void Session::update_memory_bytes() {
  std::int64_t bytes = masks_->memory_bytes();
  for (const auto& parameter : parameters_->all()) {
    const std::int64_t copies = parameter->tensor.diff != nullptr ? 2 : 1;
    bytes += copies * parameter->tensor.count() * static_cast<std::int64_t>(sizeof(float));
  }
  if (train_) bytes += train_->memory_bytes();
  if (test_) bytes += test_->memory_bytes();
  if (solver_) bytes += solver_->memory_bytes();
  if (scores_) bytes += scores_->memory_bytes();
  if (population_net_) bytes += population_net_->memory_bytes();
  if (population_) bytes += population_->candidates.memory_bytes() + population_->evaluator->memory_bytes();
  for (const auto& values : sample_) bytes += static_cast<std::int64_t>(values.size() * sizeof(float));
  bytes += static_cast<std::int64_t>(teacher_table_.size() * sizeof(float));
  memory_bytes_ = bytes;
}

void Session::remask_drawn(const std::uint32_t* bits) {
  for (std::size_t layer = 0; layer < masks_->layers(); ++layer) {
    if ((bits[layer / 32] >> (layer % 32) & 1u) != 0) masks_->remask(layer);
  }
}

// Solver::Step of Caffe: one row per update.
TrainResult Session::train(int iterations, const std::vector<std::uint32_t>& remask, const Cancelled& cancelled,
                           const std::vector<double>& rates) {
  if (!solver_) throw Error("no-solver", "training needs a solver; the session was created without one");
  const FlushDenormals flush;
  Net& net = this->net(Phase::kTrain);
  const std::size_t words = (masks_->layers() + 31) / 32;
  if (!remask.empty() && remask.size() != words * static_cast<std::size_t>(iterations)) {
    throw Error("bad-argument", "remask needs " + std::to_string(words) + " words for each of " +
                                    std::to_string(iterations) + " iterations");
  }
  if (!rates.empty() && rates.size() != static_cast<std::size_t>(iterations)) {
    throw Error("bad-argument", std::to_string(rates.size()) + " learning rates given for " + std::to_string(iterations) +
                                    " iterations");
  }
  if (StepQueue* queue = backend_->step_queue()) return train_queued(*queue, iterations, remask, cancelled, rates);
  forget_population();
  std::vector<Parameter*> gatherable;
  if (remask.empty() && net.fused() != nullptr && net.fused()->suits()) gatherable = net.fused()->gatherable();
  const GatheredScope gathered(*solver_, gatherable);
  const std::size_t width = net.outputs().size() + 2;
  const int iter_size = solver_->spec().iter_size;
  std::vector<double> row(width);
  TrainResult result;
  result.rows.reserve(width * static_cast<std::size_t>(iterations));
  while (result.completed < iterations) {
    if (cancelled()) {
      result.stop = TrainResult::Stop::kCancelled;
      break;
    }
    if (!remask.empty()) remask_drawn(remask.data() + words * static_cast<std::size_t>(result.completed));
    solver_->clear_gradients();
    std::fill(row.begin(), row.end(), 0.0);
    for (int pass = 0; pass < iter_size; ++pass) {
      row[width - 2] += net.forward(true, false);
      add_outputs(net, row.data());
      take_teacher_rows(net);
      net.backward();
    }
    for (std::size_t i = 0; i + 1 < width; ++i) row[i] /= iter_size;
    if (!std::isfinite(row[width - 2])) {  // the update would destroy the parameters
      result.stop = TrainResult::Stop::kNonFiniteLoss;
      break;
    }
    std::optional<float> rate;
    if (!rates.empty()) rate = static_cast<float>(rates[static_cast<std::size_t>(result.completed)]);
    row[width - 1] = solver_->update(iteration_, rate);
    masks_->values_updated();
    ++iteration_;
    ++result.completed;
    result.rows.insert(result.rows.end(), row.begin(), row.end());
  }
  update_memory_bytes();
  return result;
}

std::vector<double> Session::test(int iterations, const Cancelled& cancelled) {
  Net& net = this->net(Phase::kTest);
  if (StepQueue* queue = backend_->step_queue()) return test_queued(*queue, iterations, cancelled);
  std::vector<double> means(net.outputs().size());
  int done = 0;
  for (; done < iterations && !cancelled(); ++done) {
    net.forward(true, false);
    add_outputs(net, means.data());
  }
  for (double& mean : means) mean = done > 0 ? mean / done : kNaN;
  return means;
}

std::vector<double> Session::forward_train_batch() {
  Net& net = this->net(Phase::kTrain);
  std::vector<double> values(net.outputs().size() + 1);
  each_loaded_part([&] {
    values.back() += net.forward(false);
    add_outputs(net, values.data());
  });
  for (double& value : values) value /= parts_of(Phase::kTrain);
  return values;
}

void Session::each_loaded_part(const std::function<void()>& body) {
  Net& net = this->net(Phase::kTrain);
  const int parts = parts_of(Phase::kTrain);
  if (parts > 1 && !net.batch_loaded()) {
    for (int part = 0; part < parts; ++part) net.prepare_forward(true);
  }
  for (int part = 0; part < parts; ++part) {
    if (parts > 1) net.load_part(part);
    body();
  }
}

std::vector<std::vector<float>> Session::forward_test(const std::vector<std::string>& blobs) {
  for (const std::string& name : blobs) blob(Phase::kTest, name);  // refuses before the data moves on
  std::vector<std::vector<float>> copies(blobs.size());
  for (int part = 0; part < parts_of(Phase::kTest); ++part) {
    net(Phase::kTest).forward(true);
    for (std::size_t i = 0; i < blobs.size(); ++i) {
      const std::vector<float> values = get_blob(Phase::kTest, blobs[i], BlobPart::kData);
      copies[i].insert(copies[i].end(), values.begin(), values.end());
    }
  }
  return copies;
}

void Session::rewind(Phase phase) {
  for (const auto& source : net(phase).sources()) {
    DataSourceState state = source->state();
    state.position = 0;
    source->restore(state);
  }
}

Tensor& Session::blob(Phase phase, const std::string& name) const {
  Tensor* tensor = net(phase).blob(name);
  if (tensor == nullptr) throw Error("unknown-blob", "the net has no blob '" + name + "'");
  return *tensor;
}

void Session::set_blob(Phase phase, const std::string& name, BlobPart part, const std::vector<float>& values) {
  Tensor& tensor = blob(phase, name);
  if (static_cast<std::int64_t>(values.size()) != tensor.count()) {
    throw Error("shape-mismatch", "blob '" + name + "' has " + std::to_string(tensor.count()) + " elements; " +
                                      std::to_string(values.size()) + " were given");
  }
  float* to = part == BlobPart::kData ? tensor.data : tensor.diff;
  if (to == nullptr) throw Error("no-gradients", "blob '" + name + "' has no gradient in this net");
  backend_->copy_in(to, values.data(), tensor.count());
}

std::vector<float> Session::get_blob(Phase phase, const std::string& name, BlobPart part) const {
  const Tensor& tensor = blob(phase, name);
  const float* from = part == BlobPart::kData ? tensor.data : tensor.diff;
  if (from == nullptr) throw Error("no-gradients", "blob '" + name + "' has no gradient in this net");
  if (!tensor.kept) {
    throw Error("blob-not-kept", "blob '" + name + "' was not kept in training or testing; run a single forward first");
  }
  std::vector<float> values(static_cast<std::size_t>(tensor.count()));
  backend_->copy_out(values.data(), from, tensor.count());
  return values;
}

void Session::forward(Phase phase) { net(phase).forward(false); }

void Session::backward(Phase phase) {
  if (phase == Phase::kTest && !test_gradients_) {
    throw Error("no-gradients", "the test net was built without gradients; set force_backward in its description");
  }
  net(phase).backward();
}

void Session::remask(const std::vector<std::size_t>& layers) {
  const FlushDenormals flush;
  for (const std::size_t layer : layers) masks_->remask(layer);
  update_memory_bytes();
}

std::vector<KeptCounts> Session::kept_counts() const {
  std::vector<KeptCounts> counts;
  for (std::size_t layer = 0; layer < masks_->layers(); ++layer) counts.push_back(masks_->counts(layer));
  return counts;
}

}  // namespace olmp
