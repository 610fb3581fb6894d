#include <cmath>
#include <limits>

#include "addon/convert.h"
#include "engine/error.h"

namespace olmp {
namespace {

constexpr double kLargestInteger = 9007199254740991.0;  // Number.MAX_SAFE_INTEGER

[[noreturn]] void refuse(const char* what, const char* expected) {
  throw Error("bad-argument", std::string(what) + " must be " + expected);
}

template <typename Element>
std::vector<Element> copy_typed(const Napi::Value& value, napi_typedarray_type type, const char* what,
                                const char* expected) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) refuse(what, expected);
  const auto array = value.As<Napi::TypedArrayOf<Element>>();
  return std::vector<Element>(array.Data(), array.Data() + array.ElementLength());
}

// An optional text: '' where absent.
std::string optional_string(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  return value.IsUndefined() ? std::string() : to_string(value, key);
}

}  // namespace

std::string to_string(const Napi::Value& value, const char* what) {
  if (!value.IsString()) refuse(what, "a string");
  return value.As<Napi::String>().Utf8Value();
}

double to_double(const Napi::Value& value, const char* what) {
  if (!value.IsNumber()) refuse(what, "a number");
  return value.As<Napi::Number>().DoubleValue();
}

std::int64_t to_integer(const Napi::Value& value, const char* what) {
  const double number = to_double(value, what);
  if (std::trunc(number) != number || std::fabs(number) > kLargestInteger) refuse(what, "a whole number");
  return static_cast<std::int64_t>(number);
}

int to_int(const Napi::Value& value, const char* what) {
  const std::int64_t number = to_integer(value, what);
  if (number < 0 || number > std::numeric_limits<int>::max()) refuse(what, "a whole number from 0 to 2^31 - 1");
  return static_cast<int>(number);
}

std::size_t to_index(const Napi::Value& value, const char* what) {
  const std::int64_t number = to_integer(value, what);
  if (number < 0) refuse(what, "zero or more");
  return static_cast<std::size_t>(number);
}

Napi::Object to_object(const Napi::Value& value, const char* what) {
  if (!value.IsObject()) refuse(what, "an object");
  return value.As<Napi::Object>();
}

Napi::Array to_array(const Napi::Value& value, const char* what) {
  if (!value.IsArray()) refuse(what, "an array");
  return value.As<Napi::Array>();
}

std::vector<float> to_floats(const Napi::Value& value, const char* what) {
  return copy_typed<float>(value, napi_float32_array, what, "a Float32Array");
}

std::vector<double> to_doubles(const Napi::Value& value, const char* what) {
  return copy_typed<double>(value, napi_float64_array, what, "a Float64Array");
}

std::vector<std::uint32_t> to_words(const Napi::Value& value, const char* what) {
  return copy_typed<std::uint32_t>(value, napi_uint32_array, what, "a Uint32Array");
}

std::string to_bytes(const Napi::Value& value, const char* what) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    refuse(what, "a Uint8Array");
  }
  const auto array = value.As<Napi::Uint8Array>();
  return std::string(reinterpret_cast<const char*>(array.Data()), array.ElementLength());
}

std::vector<std::string> to_strings(const Napi::Value& value, const char* what) {
  const Napi::Array array = to_array(value, what);
  std::vector<std::string> strings;
  for (std::uint32_t i = 0; i < array.Length(); ++i) strings.push_back(to_string(array.Get(i), what));
  return strings;
}

std::vector<std::size_t> to_indices(const Napi::Value& value, const char* what) {
  const Napi::Array array = to_array(value, what);
  std::vector<std::size_t> indices;
  for (std::uint32_t i = 0; i < array.Length(); ++i) indices.push_back(to_index(array.Get(i), what));
  return indices;
}

Phase to_phase(const Napi::Value& value) {
  const std::string name = to_string(value, "phase");
  if (name == "TRAIN") return Phase::kTrain;
  if (name == "TEST") return Phase::kTest;
  refuse("phase", "'TRAIN' or 'TEST'");
}

ParameterPart to_parameter_part(const Napi::Value& value) {
  const std::string name = to_string(value, "part");
  if (name == "value") return ParameterPart::kValue;
  if (name == "diff") return ParameterPart::kDiff;
  if (name == "mask") return ParameterPart::kMask;
  if (name == "history") return ParameterPart::kHistory;
  if (name == "history2") return ParameterPart::kHistory2;
  refuse("part", "'value', 'diff', 'mask', 'history' or 'history2'");
}

BlobPart to_blob_part(const Napi::Value& value) {
  const std::string name = to_string(value, "part");
  if (name == "data") return BlobPart::kData;
  if (name == "diff") return BlobPart::kDiff;
  refuse("part", "'data' or 'diff'");
}

SessionOptions to_session_options(const Napi::Value& value) {
  const Napi::Object object = to_object(value, "session options");
  SessionOptions options;
  options.train = optional_string(object, "train");
  options.test = optional_string(object, "test");
  options.solver = optional_string(object, "solver");
  options.device = to_string(object.Get("device"), "device");
  options.threads = to_int(object.Get("threads"), "threads");
  options.seed = static_cast<std::uint64_t>(to_integer(object.Get("seed"), "seed"));
  const Napi::Value tf32 = object.Get("tf32");
  if (!tf32.IsUndefined() && !tf32.IsBoolean()) refuse("tf32", "a boolean");
  options.tf32 = tf32.IsBoolean() && tf32.As<Napi::Boolean>().Value();
  const std::string encoding = to_string(object.Get("rateEncoding"), "rateEncoding");
  if (encoding != "exact" && encoding != "mask-element") refuse("rateEncoding", "'exact' or 'mask-element'");
  options.rate_encoding = encoding == "exact" ? RateEncoding::kExact : RateEncoding::kMaskElement;
  return options;
}

std::vector<BlobPlacement> to_placements(const Napi::Value& value) {
  const Napi::Array array = to_array(value, "placements");
  std::vector<BlobPlacement> placements;
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Object object = to_object(array.Get(i), "a placement");
    BlobPlacement placement;
    placement.parameter = to_index(object.Get("parameter"), "parameter");
    placement.part = to_parameter_part(object.Get("part"));
    placement.file = to_string(object.Get("file"), "file");
    placement.floats.offset_bytes = to_index(object.Get("offsetBytes"), "offsetBytes");
    placement.floats.count = static_cast<std::int64_t>(to_index(object.Get("count"), "count"));
    const std::string type = to_string(object.Get("type"), "type");
    if (type != "float32" && type != "float64") refuse("type", "'float32' or 'float64'");
    placement.floats.float64 = type == "float64";
    placements.push_back(std::move(placement));
  }
  return placements;
}

SearchBounds to_search_bounds(const Napi::Value& value) {
  SearchBounds bounds;
  if (value.IsUndefined()) return bounds;
  const Napi::Object object = to_object(value, "bounds");
  bounds.most_kept = to_doubles(object.Get("mostKept"), "mostKept");
  bounds.least_accuracy = to_double(object.Get("leastAccuracy"), "leastAccuracy");
  return bounds;
}

std::vector<LayerMoments> to_moments(const Napi::Value& value) {
  const Napi::Array array = to_array(value, "moments");
  std::vector<LayerMoments> moments;
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Object object = to_object(array.Get(i), "the moments of a layer");
    moments.push_back({to_double(object.Get("mu"), "mu"), to_double(object.Get("sigma"), "sigma"),
                       to_integer(object.Get("nonzero"), "nonzero")});
  }
  return moments;
}

std::vector<std::pair<std::string, std::string>> to_entries(const Napi::Value& value) {
  const Napi::Array array = to_array(value, "entries");
  std::vector<std::pair<std::string, std::string>> entries;
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Object object = to_object(array.Get(i), "an entry");
    entries.emplace_back(to_bytes(object.Get("key"), "key"), to_bytes(object.Get("value"), "value"));
  }
  return entries;
}

}  // namespace olmp
