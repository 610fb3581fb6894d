// What a session's nets take of a device's memory, known before any of it is taken.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/backend.h"

namespace olmp {

// In how many equal parts the batch of each net is computed (batch_parts.h).
struct BatchParts {
  int train = 1;
  int test = 1;
};

struct MemoryEstimate {
  std::int64_t needed_bytes = 0;  // with the batch in these parts, about
  DeviceMemory memory;
  BatchParts parts;
  bool fits = true;
  std::string why_not_in_parts;  // where it does not fit as a whole and cannot be computed in parts
};

// NetGraphs and a SolverSpec, each of which may be null. In as few parts as fit into what is free.
MemoryEstimate estimate_memory(const nlohmann::json& train, const nlohmann::json& test, const nlohmann::json& solver,
                               const DeviceMemory& memory);

}  // namespace olmp
