// Training, testing and evaluating on a backend that queues steps: the host waits once in many iterations.
#include <cmath>
#include <limits>

#include "engine/session.h"

namespace olmp {
namespace {

// What a step's work is, so that recordings of different work are told apart.
constexpr std::uint64_t kTest = 1;
constexpr std::uint64_t kCandidate = 2;
constexpr std::uint64_t kPass = 4;
constexpr std::uint64_t kFirstPass = 1;  // added to kPass
constexpr std::uint64_t kLastPass = 2;

}  // namespace

// Another key wherever recorded work would read other memory: layers read a masked parameter elsewhere.
std::uint64_t Session::pointers_key(std::uint64_t work) const {
  std::uint64_t key = 14695981039346656037ULL ^ work;  // FNV-1a
  for (const auto& parameter : parameters_->all()) {
    for (const float* pointer : {parameter->effective, static_cast<const float*>(parameter->mask)}) {
      key = (key ^ reinterpret_cast<std::uintptr_t>(pointer)) * 1099511628211ULL;
    }
  }
  return key;
}

TrainResult Session::train_queued(StepQueue& queue, int iterations, const std::vector<std::uint32_t>& remask,
                                  const Cancelled& cancelled) {
  Net& net = this->net(Phase::kTrain);
  const std::size_t loss = net.outputs().size();
  const std::size_t words = (masks_->layers() + 31) / 32;
  const int iter_size = solver_->spec().iter_size;
  const int start = iteration_;
  queue.begin(net.measures(1.0 / iter_size), loss + 1, loss);
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
      result.rows.push_back(learning_rate(solver_->spec(), start + result.completed));
      ++result.completed;
    }
    iteration_ = start + result.completed;
  };
  for (int begun = 0; begun < iterations && result.stop == TrainResult::Stop::kDone; ++begun) {
    if (cancelled()) {
      result.stop = TrainResult::Stop::kCancelled;
      break;
    }
    if (!remask.empty()) remask_drawn(remask.data() + words * static_cast<std::size_t>(begun));
    queue.begin_row(learning_rate(solver_->spec(), start + begun), start + begun);
    for (int pass = 0; pass < iter_size; ++pass) {
      const bool first = pass == 0;
      const bool last = pass + 1 == iter_size;
      net.prepare_forward(true);
      queue.run(pointers_key(kPass | (first ? kFirstPass : 0) | (last ? kLastPass : 0)), [&] {
        if (first) solver_->clear_gradients();
        net.run_forward();
        queue.measure();
        net.backward();
        if (last) solver_->enqueue_update(queue);
      });
    }
    masks_->values_changed();
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
  while (done < iterations && !cancelled()) {
    queue.begin_row(0, 0);
    net.prepare_forward(true);
    queue.run(pointers_key(kTest), [&] {
      net.run_forward();
      queue.measure();
    });
    if (++done % static_cast<int>(StepQueue::kMostRows) == 0) read_rows();
  }
  read_rows();
  for (double& mean : means) mean = done > 0 ? mean / done : std::numeric_limits<double>::quiet_NaN();
  return means;
}

RateEvaluations Session::evaluate_queued(StepQueue& queue, const std::vector<double>& rates, bool sequential,
                                         const Cancelled& cancelled) {
  Net& net = this->net(Phase::kTrain);
  const std::size_t layers = masks_->layers();
  const std::size_t loss = net.outputs().size();
  const std::size_t kept = loss + 1;
  queue.begin(net.measures(1), loss + 2, loss);
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
    for (std::size_t layer = 0; layer < layers; ++layer) {
      const double rate = rates[candidate * layers + layer];
      if (trial) {
        trial->apply(layer, rate);
      } else {
        masks_->apply(layer, rate);
      }
    }
    queue.begin_row(0, 0);
    net.prepare_forward(false);
    queue.run(pointers_key(kCandidate), [&] {
      net.run_forward();
      queue.measure();
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
