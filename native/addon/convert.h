// Between JavaScript values and plain structs. Arrays are copied both ways: Electron refuses external ArrayBuffers.
// What does not fit throws Error("bad-argument").
#pragma once

#include <napi.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "data/datums.h"
#include "engine/session.h"

namespace olmp {

std::string to_string(const Napi::Value& value, const char* what);
double to_double(const Napi::Value& value, const char* what);
// Refuses fractions and what a double cannot count exactly.
std::int64_t to_integer(const Napi::Value& value, const char* what);
int to_int(const Napi::Value& value, const char* what);
std::size_t to_index(const Napi::Value& value, const char* what);
Napi::Object to_object(const Napi::Value& value, const char* what);
Napi::Array to_array(const Napi::Value& value, const char* what);

std::vector<float> to_floats(const Napi::Value& value, const char* what);     // Float32Array
std::vector<double> to_doubles(const Napi::Value& value, const char* what);   // Float64Array
std::vector<std::uint32_t> to_words(const Napi::Value& value, const char* what);  // Uint32Array
std::string to_bytes(const Napi::Value& value, const char* what);             // Uint8Array
std::vector<std::string> to_strings(const Napi::Value& value, const char* what);
std::vector<std::size_t> to_indices(const Napi::Value& value, const char* what);

Phase to_phase(const Napi::Value& value);
ParameterPart to_parameter_part(const Napi::Value& value);
BlobPart to_blob_part(const Napi::Value& value);
SessionOptions to_session_options(const Napi::Value& value);
std::vector<BlobPlacement> to_placements(const Napi::Value& value);
std::vector<LayerMoments> to_moments(const Napi::Value& value);
SearchBounds to_search_bounds(const Napi::Value& value);  // none where it is undefined
std::vector<std::pair<std::string, std::string>> to_entries(const Napi::Value& value);

Napi::Value to_js(Napi::Env env, std::int64_t value);
Napi::Value to_js(Napi::Env env, const std::string& value);
Napi::Value to_js(Napi::Env env, const std::vector<std::string>& values);
Napi::Value to_js(Napi::Env env, const std::vector<float>& values);
Napi::Value to_js(Napi::Env env, const std::vector<double>& values);
Napi::Value to_js(Napi::Env env, const std::vector<std::vector<float>>& values);
Napi::Value to_js(Napi::Env env, const std::vector<LayerMoments>& moments);
Napi::Value to_js(Napi::Env env, const std::vector<KeptCounts>& counts);
Napi::Value to_js(Napi::Env env, const TrainResult& result);
Napi::Value to_js(Napi::Env env, const RateEvaluations& result);
Napi::Value to_js(Napi::Env env, const std::optional<MemoryEstimate>& estimate);  // null where there is none
Napi::Value to_js(Napi::Env env, const BatchParts& parts);
Napi::Value to_js(Napi::Env env, const ParameterStore& parameters);
Napi::Value to_js(Napi::Env env, const DatumSetInfo& info);
Napi::Value to_js(Napi::Env env, const std::vector<DatumImage>& images);

}  // namespace olmp
