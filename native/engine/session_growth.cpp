// Pruned parameters that come back during a compression in cycles: which of them would lower the loss the most.
#include <algorithm>
#include <map>
#include <utility>

#include "engine/denormals.h"
#include "engine/error.h"
#include "engine/objective.h"
#include "engine/session.h"
#include "engine/session_work.h"

namespace olmp {

void Session::score_growth(int batches, double damping) {
  if (!solver_) throw Error("no-solver", "the session was created without a solver");
  if (batches < 2) throw Error("bad-argument", "gains need the gradients of at least two batches");
  const FlushDenormals flush;
  const Objective goal = objective(net(Phase::kTrain).graph());
  forget_population();
  masks_->freeze(false);  // frozen ones have no gradients where they are 0
  batches *= parts_of(Phase::kTrain);
  const auto& all = parameters_->all();
  std::vector<std::vector<float>> sums(all.size());
  std::vector<std::vector<float>> squares(all.size());
  std::vector<float> gradient;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i]->prunable < 0 || all[i]->mask == nullptr) continue;
    sums[i].resize(static_cast<std::size_t>(all[i]->tensor.count()));
    squares[i].resize(sums[i].size());
    gradient.resize(std::max(gradient.size(), sums[i].size()));
  }
  for (int batch = 0; batch < batches; ++batch) {
    compute_gradients();
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::size_t count = sums[i].size();
      if (count == 0) continue;
      backend_->copy_out(gradient.data(), all[i]->tensor.diff, static_cast<std::int64_t>(count));
      float* sum = sums[i].data();
      float* square = squares[i].data();
      for (std::size_t k = 0; k < count; ++k) {
        sum[k] += gradient[k];
        square[k] += gradient[k] * gradient[k];
      }
    }
  }
  const auto images = static_cast<double>(blob(Phase::kTrain, goal.labels).count());
  const double n = batches;
  scores_ = std::make_unique<Scores>(*backend_, *parameters_, masks_->layers());
  std::vector<float> mask;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (sums[i].empty()) continue;
    const Parameter& parameter = *all[i];
    mask.resize(sums[i].size());
    backend_->copy_out(mask.data(), parameter.mask, parameter.tensor.count());
    const double stiffness = solver_->spec().weight_decay * parameter.decay_mult + damping;
    std::vector<float>& gains = scores_->of(i);
    for (std::size_t k = 0; k < gains.size(); ++k) {
      const double mean = sums[i][k] / n;
      const double square = squares[i][k] / n;
      const double gain = (mean * mean - square / n) / (images * square + stiffness);
      gains[k] = mask[k] == 0.0F && gain > 0 ? static_cast<float>(gain) : 0.0F;
    }
  }
  update_memory_bytes();
}

void Session::compute_gradients() {
  Net& net = this->net(Phase::kTrain);
  const auto settle = [&] {
    for (const auto& parameter : parameters_->all()) settle_gradient(*backend_, *parameter);
  };
  if (StepQueue* queue = backend_->step_queue()) {
    net.prepare_forward(true, false);
    take_teacher_rows(net);
    queue->run(recording_key(work::kGradients), [&] {
      solver_->clear_gradients();
      net.run_forward();
      net.backward();
      settle();
    });
    return;
  }
  solver_->clear_gradients();
  net.forward(true, false);
  take_teacher_rows(net);
  net.backward();
  settle();
}

std::int64_t Session::grow_best(std::int64_t count, int per_output) {
  if (per_output < 1) throw Error("bad-argument", "an output can get back one parameter at least");
  struct Place {
    float gain;
    std::size_t parameter;
    std::size_t element;
  };
  const auto& all = parameters_->all();
  Scores& gains = scores();
  std::vector<Place> places;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i]->prunable < 0 || all[i]->mask == nullptr) continue;
    const std::vector<float>& of = gains.of(i);
    for (std::size_t k = 0; k < of.size(); ++k) {
      if (of[k] > 0) places.push_back({of[k], i, k});
    }
  }
  std::stable_sort(places.begin(), places.end(), [](const Place& a, const Place& b) { return a.gain > b.gain; });
  std::map<std::pair<int, std::size_t>, int> taken;  // by layer and output
  std::vector<std::vector<std::size_t>> grown(all.size());
  std::int64_t total = 0;
  for (const Place& place : places) {
    if (total >= count) break;
    const Parameter& parameter = *all[place.parameter];
    const auto row = static_cast<std::size_t>(parameter.tensor.count() / parameter.tensor.shape.front());
    int& of_output = taken[{parameter.prunable, place.element / row}];
    if (of_output >= per_output) continue;
    ++of_output;
    ++total;
    grown[place.parameter].push_back(place.element);
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (grown[i].empty()) continue;
    std::vector<float> values = get_parameter(i, ParameterPart::kValue);
    std::vector<float> mask = get_parameter(i, ParameterPart::kMask);
    for (const std::size_t element : grown[i]) {
      values[element] = 0;
      mask[element] = 1;
    }
    set_parameter(i, ParameterPart::kValue, values);
    set_parameter(i, ParameterPart::kMask, mask);
  }
  scores_.reset();  // gains of another net
  update_memory_bytes();
  return total;
}

}  // namespace olmp
