// The benchmarks on a device: sessions on Input nets, so that nothing but the device's work is timed.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/session.h"

namespace olmp {

// "cpu", "cuda", "cuda-tf32"; "cuda-emulated" tries a benchmark out where there is no GPU.
bool is_bench_device(const std::string& name);

// A session that trains the net, its parameters filled and its inputs random (labels below `classes`).
std::unique_ptr<Session> open_bench_session(nlohmann::json graph, const std::string& device, int threads, int classes);

// Prints `  what   median M  min M` of `repetitions` calls of `work`, each of which does `units` of what is told, in
// microseconds for one; after two calls that are not counted.
void time_units(const char* what, int repetitions, int units, const std::function<void()>& work);

}  // namespace olmp
