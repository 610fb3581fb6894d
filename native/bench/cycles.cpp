#include "bench/cycles.h"

#include <algorithm>
#include <cmath>

#include "engine/error.h"

namespace olmp {
namespace {

constexpr double kPi = 3.14159265358979323846;

// segmentRates of main/olmp/cycleSchedule.ts.
std::vector<double> segment_rates(double largest, int warmup, int length) {
  std::vector<double> rates;
  for (int t = 0; t < length; ++t) {
    const double cosine = 0.5 * largest * (1 + std::cos(kPi * t / length));
    rates.push_back(cosine * std::min(1.0, (t + 1.0) / std::max(1, warmup)));
  }
  return rates;
}

// nextCycle of main/olmp/cycleSchedule.ts, with one size as the goal.
std::int64_t next_target(const CycleStage& stage, std::int64_t kept, std::int64_t goal) {
  const auto left = static_cast<std::int64_t>(std::floor(static_cast<double>(kept) * (1 - stage.removed)));
  return std::max(goal, std::min(kept - 1, left));
}

const CycleStage& stage_of(const CyclePlan& plan, std::int64_t kept, std::int64_t total) {
  for (const CycleStage& stage : plan.stages) {
    if (static_cast<double>(kept) > stage.above * static_cast<double>(total)) return stage;
  }
  return plan.stages.back();
}

// Returns the loss of the last iteration.
double train_segment(Session& session, double rate, int warmup, int iterations) {
  if (iterations == 0) return 0;
  session.reset_history();
  const TrainResult result =
      session.train(iterations, {}, [] { return false; }, segment_rates(rate, warmup, iterations));
  if (result.stop == TrainResult::Stop::kNonFiniteLoss) {
    throw Error("diverged", "the loss stopped being a finite number");
  }
  return result.rows[result.rows.size() - 2];
}

}  // namespace

std::int64_t kept_parameters(const Session& session) {
  std::int64_t kept = 0;
  for (const KeptCounts& layer : session.kept_counts()) kept += layer.kept_weights + layer.kept_biases;
  return kept;
}

std::int64_t prunable_parameters(const Session& session) {
  std::int64_t total = 0;
  for (const KeptCounts& layer : session.kept_counts()) total += layer.weights + layer.biases;
  return total;
}

std::vector<CycleRecord> run_cycles(Session& session, const CyclePlan& plan,
                                    const std::function<void(const CycleRecord&)>& told) {
  std::vector<CycleRecord> records;
  const auto measure = [&](double loss) {
    session.rewind(Phase::kTest);
    const auto tested = session.test(plan.test_iterations, [] { return false; });
    records.push_back({static_cast<int>(records.size()), kept_parameters(session), loss, tested});
    told(records.back());
  };
  session.set_weight_decay(plan.fine_tuning_decay);
  measure(train_segment(session, plan.fine_tuning_rate, plan.warmup, plan.fine_tuning));
  session.set_weight_decay(plan.decay);
  if (plan.fine_tuning > 0 && plan.teacher_weight > 0) {
    session.compute_teacher();
    session.set_distillation(plan.teacher_weight, plan.temperature);
  }
  const std::int64_t total = prunable_parameters(session);
  for (std::int64_t kept = total; kept > plan.kept; kept = kept_parameters(session)) {
    const CycleStage& stage = stage_of(plan, kept, total);
    session.score_fisher(plan.fisher_batches, plan.damping);
    session.keep_best(next_target(stage, kept, plan.kept));
    session.freeze_masks(true);
    measure(train_segment(session, plan.rate, plan.warmup, stage.iterations));
  }
  return records;
}

}  // namespace olmp
