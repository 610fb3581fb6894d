#include "engine/solver.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "engine/error.h"

namespace olmp {
namespace {

UpdateRule::Type rule_type(const std::string& name) {
  static const std::map<std::string, UpdateRule::Type> kTypes = {
      {"SGD", UpdateRule::Type::kSgd},         {"Nesterov", UpdateRule::Type::kNesterov},
      {"AdaGrad", UpdateRule::Type::kAdaGrad}, {"RMSProp", UpdateRule::Type::kRmsProp},
      {"AdaDelta", UpdateRule::Type::kAdaDelta}, {"Adam", UpdateRule::Type::kAdam}};
  const auto found = kTypes.find(name);
  if (found == kTypes.end()) throw Error("bad-solver", "unknown solver type '" + name + "'");
  return found->second;
}

void validate(const SolverSpec& spec) {
  if (spec.iter_size < 1) throw Error("bad-solver", "iter_size must be at least 1");
  if ((spec.type == "AdaGrad" || spec.type == "RMSProp") && spec.momentum != 0) {
    throw Error("bad-solver", spec.type + " cannot be used with momentum; set momentum to 0");
  }
  if (spec.type == "RMSProp" && (spec.rms_decay < 0 || spec.rms_decay >= 1)) {
    throw Error("bad-solver", "rms_decay must lie between 0 and 1 (1 excluded)");
  }
  if (spec.lr_policy == "step" && spec.stepsize <= 0) {
    throw Error("bad-solver", "lr_policy 'step' needs a positive stepsize");
  }
  if (spec.lr_policy == "poly" && spec.max_iter <= 0) {
    throw Error("bad-solver", "lr_policy 'poly' needs a positive max_iter");
  }
  learning_rate(spec, 0);  // refuses an unknown policy
}

}  // namespace

SolverSpec parse_solver(const nlohmann::json& json) {
  SolverSpec spec;
  json.at("type").get_to(spec.type);
  spec.rule = rule_type(spec.type);
  json.at("base_lr").get_to(spec.base_lr);
  json.at("lr_policy").get_to(spec.lr_policy);
  json.at("gamma").get_to(spec.gamma);
  json.at("power").get_to(spec.power);
  json.at("stepsize").get_to(spec.stepsize);
  json.at("stepvalue").get_to(spec.stepvalue);
  json.at("max_iter").get_to(spec.max_iter);
  json.at("momentum").get_to(spec.momentum);
  json.at("momentum2").get_to(spec.momentum2);
  json.at("rms_decay").get_to(spec.rms_decay);
  json.at("delta").get_to(spec.delta);
  json.at("weight_decay").get_to(spec.weight_decay);
  spec.l1 = json.at("regularization_type") == "L1";
  json.at("clip_gradients").get_to(spec.clip_gradients);
  json.at("iter_size").get_to(spec.iter_size);
  validate(spec);
  return spec;
}

// In float, as Caffe's Dtype, so that a rate is the same number.
float learning_rate(const SolverSpec& spec, int iteration) {
  const auto iter = static_cast<float>(iteration);
  if (spec.lr_policy == "fixed") return spec.base_lr;
  if (spec.lr_policy == "step") {
    return spec.base_lr * std::pow(spec.gamma, static_cast<float>(iteration / spec.stepsize));
  }
  if (spec.lr_policy == "exp") return spec.base_lr * std::pow(spec.gamma, iter);
  if (spec.lr_policy == "inv") return spec.base_lr * std::pow(1.0f + spec.gamma * iter, -spec.power);
  if (spec.lr_policy == "multistep") {
    const auto passed = std::count_if(spec.stepvalue.begin(), spec.stepvalue.end(),
                                      [iteration](int step) { return iteration >= step; });
    return spec.base_lr * std::pow(spec.gamma, static_cast<float>(passed));
  }
  if (spec.lr_policy == "poly") {
    return spec.base_lr * std::pow(1.0f - iter / static_cast<float>(spec.max_iter), spec.power);
  }
  if (spec.lr_policy == "sigmoid") {
    return spec.base_lr * (1.0f / (1.0f + std::exp(-spec.gamma * (iter - static_cast<float>(spec.stepsize)))));
  }
  throw Error("bad-solver", "unknown lr_policy '" + spec.lr_policy + "'");
}

void settle_gradient(Backend& backend, Parameter& parameter) {
  if (!parameter.diff_cleared) return;
  if (parameter.gathered != nullptr) {
    std::fill(parameter.gathered->diff.begin(), parameter.gathered->diff.end(), 0.0F);
  } else {
    backend.fill(parameter.tensor.diff, 0, parameter.tensor.count());
  }
  parameter.diff_cleared = false;
}

Solver::Solver(SolverSpec spec, Backend& backend, const ParameterStore& parameters)
    : spec_(std::move(spec)), backend_(backend), parameters_(parameters) {
  const bool two = spec_.rule == UpdateRule::Type::kAdaDelta || spec_.rule == UpdateRule::Type::kAdam;
  history_.resize(two ? 2 : 1);
  for (auto& part : history_) {
    for (const auto& parameter : parameters_.all()) {
      part.push_back(backend_.allocate(parameter->tensor.count(), "solver history of " + parameter->tensor.name));
    }
  }
}

void Solver::reset_history() {
  for (const auto& part : history_) {
    for (std::size_t i = 0; i < part.size(); ++i) backend_.fill(part[i].get(), 0, parameters_.all()[i]->tensor.count());
  }
}

void Solver::clear_gradients() {
  for (const auto& parameter : parameters_.all()) parameter->diff_cleared = true;
}

// SGDSolver::ClipGradients: by the norm of all accumulated gradients together, before normalisation.
float Solver::clipping_factor() {
  if (spec_.clip_gradients < 0) return 1;
  double sum = 0;
  for (const auto& parameter : parameters_.all()) {
    if (parameter->lr_mult != 0) sum += sum_of_squares(*parameter);
  }
  const auto norm = static_cast<float>(std::sqrt(sum));
  return norm > spec_.clip_gradients ? spec_.clip_gradients / norm : 1;
}

// The part-th of the scratch arrays, which hold the kept elements of any one frozen parameter.
float* Solver::scratch(int part, const Parameter& parameter) {
  const auto n = static_cast<std::int64_t>(parameter.kept_places.size());
  if (n > scratch_size_) {
    scratch_ = backend_.allocate((2 + history_parts()) * n, "the kept elements of " + parameter.tensor.name);
    scratch_size_ = n;
  }
  return scratch_.get() + part * scratch_size_;
}

double Solver::sum_of_squares(const Parameter& parameter) {
  const Tensor& tensor = parameter.tensor;
  if (const GatheredParameter* own = parameter.gathered) {
    return backend_.sum_of_squares(own->diff.data(), static_cast<std::int64_t>(own->diff.size()));
  }
  if (!parameter.frozen) return backend_.sum_of_squares(tensor.diff, tensor.count());
  float* diff = scratch(1, parameter);
  backend_.gather(diff, tensor.diff, parameter.kept_places);
  return backend_.sum_of_squares(diff, static_cast<std::int64_t>(parameter.kept_places.size()));
}

void Solver::update(const UpdateRule& rule, Parameter& parameter, std::size_t index) {
  const Tensor& tensor = parameter.tensor;
  if (GatheredParameter* own = parameter.gathered) {
    float* second = history_parts() > 1 ? own->history[1].data() : nullptr;
    backend_.update(rule, own->value.data(), own->diff.data(), own->history[0].data(), second,
                    static_cast<std::int64_t>(own->value.size()));
    return;
  }
  if (!parameter.frozen && parameter.mask != nullptr) {
    backend_.update_masked(rule, tensor.data, tensor.diff, history(index, 0), history(index, 1), parameter.mask,
                           parameter.masked_buffer.get(), tensor.count());
    return;
  }
  if (!parameter.frozen) {
    backend_.update(rule, tensor.data, tensor.diff, history(index, 0), history(index, 1), tensor.count());
    return;
  }
  const auto& places = parameter.kept_places;
  float* value = scratch(0, parameter);
  float* diff = scratch(1, parameter);
  float* kept_history[2] = {nullptr, nullptr};
  backend_.gather(value, tensor.data, places);
  backend_.gather(diff, tensor.diff, places);
  for (int part = 0; part < history_parts(); ++part) {
    kept_history[part] = scratch(2 + part, parameter);
    backend_.gather(kept_history[part], history(index, part), places);
  }
  backend_.update(rule, value, diff, kept_history[0], kept_history[1], static_cast<std::int64_t>(places.size()));
  backend_.scatter(tensor.data, value, places);
  backend_.scatter(parameter.masked_buffer.get(), value, places);
  for (int part = 0; part < history_parts(); ++part) {
    backend_.scatter(history(index, part), kept_history[part], places);
  }
}

void Solver::gather(const std::vector<Parameter*>& parameters) {
  gathered_.resize(parameters_.all().size());
  for (std::size_t i = 0; i < gathered_.size(); ++i) {
    Parameter& parameter = *parameters_.all()[i];
    if (std::find(parameters.begin(), parameters.end(), &parameter) == parameters.end()) continue;
    GatheredParameter& own = gathered_[i];
    const auto& places = parameter.kept_places;
    own.value.resize(places.size());
    own.diff.resize(places.size());
    backend_.gather(own.value.data(), parameter.tensor.data, places);
    backend_.gather(own.diff.data(), parameter.tensor.diff, places);
    for (int part = 0; part < history_parts(); ++part) {
      own.history[part].resize(places.size());
      backend_.gather(own.history[part].data(), history(i, part), places);
    }
    parameter.gathered = &own;
  }
}

void Solver::scatter() {
  for (std::size_t i = 0; i < gathered_.size(); ++i) {
    Parameter& parameter = *parameters_.all()[i];
    if (parameter.gathered == nullptr) continue;
    const GatheredParameter& own = gathered_[i];
    const auto& places = parameter.kept_places;
    backend_.scatter(parameter.tensor.data, own.value.data(), places);
    backend_.scatter(parameter.masked_buffer.get(), own.value.data(), places);
    backend_.scatter(parameter.tensor.diff, own.diff.data(), places);
    for (int part = 0; part < history_parts(); ++part) backend_.scatter(history(i, part), own.history[part].data(), places);
    parameter.gathered = nullptr;
  }
}

UpdateRule Solver::rule_of_spec() const {
  UpdateRule rule;
  rule.type = spec_.rule;
  rule.momentum = spec_.momentum;
  rule.momentum2 = spec_.momentum2;
  rule.rms_decay = spec_.rms_decay;
  rule.delta = spec_.delta;
  rule.l1 = spec_.l1;
  return rule;
}

float Solver::update(int iteration, std::optional<float> given) {
  for (const auto& parameter : parameters_.all()) settle_gradient(backend_, *parameter);
  const float rate = given.value_or(learning_rate(spec_, iteration));
  UpdateRule rule = rule_of_spec();
  rule.diff_scale = clipping_factor() / static_cast<float>(spec_.iter_size);
  rule.iteration = iteration;
  const auto& parameters = parameters_.all();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    Parameter& parameter = *parameters[i];
    if (parameter.lr_mult == 0) continue;
    rule.rate = rate * parameter.lr_mult;
    rule.decay = spec_.weight_decay * parameter.decay_mult;
    update(rule, parameter, i);
  }
  return rate;
}

void Solver::enqueue_update(StepQueue& queue) {
  for (const auto& parameter : parameters_.all()) settle_gradient(backend_, *parameter);
  UpdateRule rule = rule_of_spec();
  rule.diff_scale = 1.0F / static_cast<float>(spec_.iter_size);
  std::vector<StepQueue::Update> updates;
  for (std::size_t i = 0; i < parameters_.all().size(); ++i) {
    const Parameter& parameter = *parameters_.all()[i];
    const Tensor& tensor = parameter.tensor;
    if (parameter.lr_mult == 0) continue;
    updates.push_back({tensor.data, tensor.diff, history(i, 0), history(i, 1), tensor.count(), parameter.lr_mult,
                       spec_.weight_decay * parameter.decay_mult, parameter.mask,
                       parameter.mask == nullptr ? nullptr : parameter.masked_buffer.get(), parameter.frozen});
  }
  queue.update(rule, spec_.clip_gradients, updates);
}

float* Solver::history(std::size_t parameter, int part) const {
  return part < history_parts() ? history_[static_cast<std::size_t>(part)][parameter].get() : nullptr;
}

std::int64_t Solver::memory_bytes() const {
  std::int64_t floats = 0;
  for (const auto& parameter : parameters_.all()) floats += parameter->tensor.count();
  return floats * history_parts() * static_cast<std::int64_t>(sizeof(float));
}

}  // namespace olmp
