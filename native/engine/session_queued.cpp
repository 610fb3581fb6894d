// Training, testing and evaluating on a backend that queues steps: the host waits once in many iterations.
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/session.h"
#include "engine/session_work.h"

namespace olmp {

// Layers read a masked parameter elsewhere, frozen masks confine updates, and what is in the arguments of kernels.
std::uint64_t Session::recording_key(std::uint64_t work) const {
  std::uint64_t key = 14695981039346656037ULL ^ work;  // FNV-1a
  const auto add = [&key](std::uint64_t value) { key = (key ^ value) * 1099511628211ULL; };
  const auto add_float = [&add](float value) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof(bits));
    add(bits);
  };
  for (const auto& parameter : parameters_->all()) {
    add(reinterpret_cast<std::uintptr_t>(parameter->effective));
    add(reinterpret_cast<std::uintptr_t>(parameter->mask));
    add(parameter->frozen ? 1 : 0);
  }
  if (solver_) add_float(solver_->spec().weight_decay);
  add_float(teacher_.weight);
  add_float(teacher_.temperature);
  return key;
}

std::vector<StepQueue::Maskable> Session::maskable(const std::vector<std::uint32_t>& remask) {
  const std::size_t layers = masks_->layers();
  const std::size_t words = (layers + 31) / 32;
  std::vector<StepQueue::Limits> limits(2 * layers);
  std::vector<StepQueue::Maskable> list;
  for (std::size_t layer = 0; layer < layers; ++layer) {
    bool drawn = false;
    for (std::size_t i = layer / 32; i < remask.size(); i += words) drawn = drawn || (remask[i] >> (layer % 32) & 1U) != 0;
    if (!drawn) continue;
    if (masks_->rates().empty()) masks_->remask(layer);  // refuses
    for (const int first : {0, 1}) limits[2 * layer + first] = limits_of(layer, masks_->rates()[layer], static_cast<float>(first));
    if (limits[2 * layer].same != 0 && limits[2 * layer + 1].same != 0) continue;
    masks_->create(layer);
    const float* element = nullptr;
    int slot = 0;
    for (const auto& parameter : parameters_->all()) {
      if (parameter->prunable != static_cast<int>(layer)) continue;
      if (element == nullptr || parameter->slot < slot) element = parameter->mask;
      if (element == parameter->mask) slot = parameter->slot;
    }
    for (const auto& parameter : parameters_->all()) {
      if (parameter->prunable != static_cast<int>(layer)) continue;
      list.push_back({parameter->tensor.data, parameter->mask, parameter->masked_buffer.get(), element,
                      parameter->tensor.count(), static_cast<int>(layer)});
    }
  }
  const auto floats = static_cast<std::int64_t>(limits.size() * sizeof(StepQueue::Limits) / sizeof(float));
  if (!remask_limits_) remask_limits_ = backend_->allocate(floats, "how layers are masked");
  backend_->copy_in(remask_limits_.get(), reinterpret_cast<const float*>(limits.data()), floats);
  return list;
}

TrainResult Session::train_queued(StepQueue& queue, int iterations, const std::vector<std::uint32_t>& remask,
                                  const Cancelled& cancelled, const std::vector<double>& rates) {
  Net& net = this->net(Phase::kTrain);
  const std::size_t loss = net.outputs().size();
  const std::size_t words = (masks_->layers() + 31) / 32;
  const int iter_size = solver_->spec().iter_size;
  const int start = iteration_;
  queue.begin(net.measures(1.0 / iter_size), loss + 1, loss);
  const bool by_steps = !remask.empty() && masks_->layers() <= StepQueue::kMostMaskableLayers;
  const std::vector<StepQueue::Maskable> masked = by_steps ? maskable(remask) : std::vector<StepQueue::Maskable>();
  const auto rate_of = [&](int done) {
    return rates.empty() ? learning_rate(solver_->spec(), start + done)
                         : static_cast<float>(rates[static_cast<std::size_t>(done)]);
  };
  TrainResult result;
  // Rows are read late: after a loss that is no number the device has left the parameters alone, and the rows behind it
  // are dropped.
  const auto read_rows = [&] {
    const std::vector<double> rows = queue.read_rows();
    for (std::size_t row = 0; row < rows.size(); row += loss + 1) {
      if (!std::isfinite(rows[row + loss])) {
        result.stop = TrainResult::Stop::kNonFiniteLoss;
        break;
      }
      result.rows.insert(result.rows.end(), rows.begin() + static_cast<std::ptrdiff_t>(row),
                         rows.begin() + static_cast<std::ptrdiff_t>(row + loss + 1));
      result.rows.push_back(rate_of(result.completed));
      ++result.completed;
    }
    iteration_ = start + result.completed;
  };
  for (int begun = 0; begun < iterations && result.stop == TrainResult::Stop::kDone; ++begun) {
    if (cancelled()) {
      result.stop = TrainResult::Stop::kCancelled;
      break;
    }
    if (!remask.empty() && !by_steps) remask_drawn(remask.data() + words * static_cast<std::size_t>(begun));
    bool remasks = false;
    for (const StepQueue::Maskable& parameter : masked) {
      const auto layer = static_cast<std::size_t>(parameter.layer);
      const std::uint32_t word = remask[words * static_cast<std::size_t>(begun) + layer / 32];
      if ((word >> (layer % 32) & 1U) == 0) continue;
      remasks = true;
      masks_->masked_elsewhere(layer);
    }
    queue.begin_row(rate_of(begun), start + begun);
    if (remasks) queue.draw_layers(remask.data() + words * static_cast<std::size_t>(begun), words);
    for (int pass = 0; pass < iter_size; ++pass) {
      const bool first = pass == 0;
      const bool last = pass + 1 == iter_size;
      net.prepare_forward(true, false);
      take_teacher_rows(net);
      const std::uint64_t key = work::kPass | (first ? work::kFirstPass : 0) | (last ? work::kLastPass : 0) |
                                (first && remasks ? work::kRemask : 0);
      queue.run(recording_key(key), [&] {
        if (first && remasks) queue.remask(masked, reinterpret_cast<const StepQueue::Limits*>(remask_limits_.get()));
        if (first) solver_->clear_gradients();
        net.run_forward();
        queue.measure();
        net.backward();
        if (last) solver_->enqueue_update(queue);
      });
    }
    masks_->values_updated();
    if ((begun + 1) % static_cast<int>(StepQueue::kMostRows) == 0) read_rows();
  }
  if (result.stop != TrainResult::Stop::kNonFiniteLoss) read_rows();
  update_memory_bytes();
  return result;
}

std::vector<double> Session::test_queued(StepQueue& queue, int iterations, const Cancelled& cancelled) {
  Net& net = this->net(Phase::kTest);
  const std::size_t outputs = net.outputs().size();
  queue.begin(net.measures(1), outputs + 1, outputs);
  std::vector<double> means(outputs);
  const auto read_rows = [&] {
    const std::vector<double> rows = queue.read_rows();
    for (std::size_t row = 0; row < rows.size(); row += outputs + 1) {
      for (std::size_t i = 0; i < outputs; ++i) means[i] += rows[row + i];
    }
  };
  int done = 0;
  iterations *= parts_of(Phase::kTest);
  while (done < iterations && !cancelled()) {
    queue.begin_row(0, 0);
    net.prepare_forward(true, false);
    queue.run(recording_key(work::kTest), [&] {
      net.run_forward();
      queue.measure();
    });
    if (++done % static_cast<int>(StepQueue::kMostRows) == 0) read_rows();
  }
  read_rows();
  for (double& mean : means) mean = done > 0 ? mean / done : std::numeric_limits<double>::quiet_NaN();
  return means;
}

RateEvaluations Session::evaluate_one_by_one_queued(StepQueue& queue, const std::vector<double>& rates, bool sequential,
                                                    const Cancelled& cancelled) {
  Net& net = this->net(Phase::kTrain);
  const std::size_t layers = masks_->layers();
  const std::size_t loss = net.outputs().size();
  const std::size_t kept = loss + 1;
  queue.begin(net.measures(1.0 / parts_of(Phase::kTrain)), loss + 2, loss);
  RateEvaluations result;
  std::vector<double> unmasked;  // by candidate since the last reading: weights of layers without masks
  const auto read_rows = [&] {
    const std::vector<double> rows = queue.read_rows();
    for (std::size_t candidate = 0; candidate < unmasked.size(); ++candidate) {
      const double* row = rows.data() + candidate * (loss + 2);
      result.loss.push_back(row[loss]);
      result.accuracy.push_back(accuracy_index_ < 0 ? std::numeric_limits<double>::quiet_NaN() : row[accuracy_index_]);
      result.kept.push_back(row[kept] + unmasked[candidate]);
    }
    unmasked.clear();
  };
  std::unique_ptr<MaskTrial> trial;
  if (!sequential) trial = std::make_unique<MaskTrial>(*masks_);
  for (std::size_t candidate = 0; candidate < rates.size() / layers && !cancelled(); ++candidate) {
    apply_rates(trial.get(), rates.data() + candidate * layers);
    queue.begin_row(0, 0);
    each_loaded_part([&] {
      net.prepare_forward(false);
      queue.run(recording_key(work::kCandidate), [&] {
        net.run_forward();
        queue.measure();
      });
    });
    unmasked.push_back(0);
    for (const auto& parameter : parameters_->all()) {
      if (parameter->prunable < 0) continue;
      const std::int64_t n = parameter->tensor.count();
      if (parameter->mask == nullptr) {
        unmasked.back() += static_cast<double>(n);
      } else {
        queue.count_kept(parameter->mask, n, kept);
      }
    }
    if (unmasked.size() == StepQueue::kMostRows) read_rows();
  }
  read_rows();
  trial.reset();
  update_memory_bytes();
  return result;
}

}  // namespace olmp
