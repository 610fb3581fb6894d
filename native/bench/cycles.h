// A compression in cycles, as main/olmp/CycleLoop.ts drives a session through it, for programs without Node: fine-tune, then
// grow, score by Fisher's information, prune, retrain on fixed masks, down to a size, and there in rounds. What is dead is
// not removed on the way.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "engine/session.h"

namespace olmp {

struct CycleStage {
  double above = 0;    // while more than this share of the parameters is kept
  double removed = 0;  // share of the kept that a cycle prunes
  int iterations = 0;  // of the retraining
};

// Growth of main/olmp/cycleSettings.ts.
struct Growth {
  double below = 0;  // of the parameters; 0: none
  double share = 0;
  double last_share = 0;
  int per_output = 1;
  int batches = 2;
  int iterations = 0;
  int rounds = 0;
  int retraining = 0;
};

struct CyclePlan {
  int fine_tuning = 0;  // iterations; 0: none, and no teacher
  double fine_tuning_rate = 0;
  double fine_tuning_decay = 0;
  double rate = 0;
  double decay = 0;
  int warmup = 1;
  std::vector<CycleStage> stages;
  Growth growth;
  int fisher_batches = 1;
  double damping = 1e-3;
  double teacher_weight = 0;
  double temperature = 1;
  std::int64_t kept = 1;    // the goal
  int test_iterations = 1;
};

struct CycleRecord {
  int cycle = 0;  // 0: the net before the first
  std::int64_t kept = 0;
  double loss = 0;             // of the last iteration's batch
  std::vector<double> tested;  // means of the test net's outputs
};

// Throws Error("diverged").
std::vector<CycleRecord> run_cycles(Session& session, const CyclePlan& plan,
                                    const std::function<void(const CycleRecord&)>& told);

std::int64_t kept_parameters(const Session& session);
std::int64_t prunable_parameters(const Session& session);

}  // namespace olmp
