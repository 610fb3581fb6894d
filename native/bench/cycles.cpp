#include "bench/cycles.h"

#include <algorithm>
#include <cmath>

#include "engine/error.h"

namespace olmp {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kGrownLastRate = 0.1;  // as in main/olmp/CycleLoop.ts

// segmentRates of main/olmp/cycleSchedule.ts.
std::vector<double> segment_rates(double largest, double last, int warmup, int length) {
  std::vector<double> rates;
  for (int t = 0; t < length; ++t) {
    const double cosine = last + 0.5 * (1 - last) * (1 + std::cos(kPi * t / length));
    rates.push_back(largest * cosine * std::min(1.0, (t + 1.0) / std::max(1, warmup)));
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
double train_segment(Session& session, double rate, int warmup, int iterations, double last = 0) {
  if (iterations == 0) return 0;
  session.reset_history();
  const TrainResult result =
      session.train(iterations, {}, [] { return false; }, segment_rates(rate, last, warmup, iterations));
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
  const auto grow = [&](std::int64_t count) {
    const Growth& growth = plan.growth;
    session.score_growth(growth.batches, plan.damping);
    session.grow_best(count, growth.per_output);
    session.freeze_masks(true);
    train_segment(session, plan.rate, plan.warmup, growth.iterations, kGrownLastRate);
  };
  const auto prune = [&](std::int64_t target, int iterations) {
    session.score_fisher(plan.fisher_batches, plan.damping);
    session.keep_best(target);
    session.freeze_masks(true);
    return train_segment(session, plan.rate, plan.warmup, iterations);
  };
  const auto grows = [&](std::int64_t kept) {
    return static_cast<double>(kept) <= plan.growth.below * static_cast<double>(total);
  };
  for (std::int64_t kept = total; kept > plan.kept; kept = kept_parameters(session)) {
    const CycleStage& stage = stage_of(plan, kept, total);
    if (grows(kept)) grow(std::llround(plan.growth.share * static_cast<double>(kept)));
    double loss = prune(next_target(stage, kept, plan.kept), stage.iterations);
    const bool at_goal = kept_parameters(session) <= plan.kept && grows(plan.kept);
    for (int round = 0; at_goal && round < plan.growth.rounds; ++round) {
      const Growth& growth = plan.growth;
      const double done = round / static_cast<double>(std::max(1, growth.rounds - 1));
      const double share = growth.share * std::pow(growth.last_share / growth.share, done);
      grow(std::llround(static_cast<double>(plan.kept) * (1 + share)) - kept_parameters(session));
      loss = prune(plan.kept, round + 1 < growth.rounds ? growth.retraining : stage.iterations);
    }
    measure(loss);
  }
  return records;
}

}  // namespace olmp
