#include <cstring>

#include "addon/convert.h"

namespace olmp {
namespace {

template <typename Array, typename Element>
Array copy_to(Napi::Env env, const std::vector<Element>& values) {
  Array array = Array::New(env, values.size());
  if (!values.empty()) std::memcpy(array.Data(), values.data(), values.size() * sizeof(Element));
  return array;
}

Napi::Value shape_to_js(Napi::Env env, const int* dims, std::size_t axes) {
  const Napi::Array array = Napi::Array::New(env, axes);
  for (std::size_t i = 0; i < axes; ++i) array.Set(static_cast<std::uint32_t>(i), dims[i]);
  return array;
}

// An array of one JavaScript value per element.
template <typename Element, typename Make>
Napi::Value list(Napi::Env env, const std::vector<Element>& elements, const Make& make) {
  const Napi::Array array = Napi::Array::New(env, elements.size());
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const Napi::HandleScope scope(env);
    array.Set(static_cast<std::uint32_t>(i), make(elements[i]));
  }
  return array;
}

const char* stop_name(TrainResult::Stop stop) {
  switch (stop) {
    case TrainResult::Stop::kCancelled:
      return "cancelled";
    case TrainResult::Stop::kNonFiniteLoss:
      return "nonFiniteLoss";
    default:
      return "done";
  }
}

double number(std::int64_t value) { return static_cast<double>(value); }

}  // namespace

Napi::Value to_js(Napi::Env env, std::int64_t value) { return Napi::Number::New(env, number(value)); }

Napi::Value to_js(Napi::Env env, const std::string& value) { return Napi::String::New(env, value); }

Napi::Value to_js(Napi::Env env, const std::vector<std::string>& values) {
  return list(env, values, [env](const std::string& value) { return to_js(env, value); });
}

Napi::Value to_js(Napi::Env env, const std::vector<float>& values) { return copy_to<Napi::Float32Array>(env, values); }

Napi::Value to_js(Napi::Env env, const std::vector<double>& values) { return copy_to<Napi::Float64Array>(env, values); }

Napi::Value to_js(Napi::Env env, const std::vector<std::vector<float>>& values) {
  return list(env, values, [env](const std::vector<float>& value) { return to_js(env, value); });
}

Napi::Value to_js(Napi::Env env, const std::vector<LayerMoments>& moments) {
  return list(env, moments, [env](const LayerMoments& layer) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("mu", layer.mu);
    object.Set("sigma", layer.sigma);
    object.Set("nonzero", number(layer.nonzero));
    return object;
  });
}

Napi::Value to_js(Napi::Env env, const std::vector<KeptCounts>& counts) {
  return list(env, counts, [env](const KeptCounts& layer) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("weights", number(layer.weights));
    object.Set("biases", number(layer.biases));
    object.Set("keptWeights", number(layer.kept_weights));
    object.Set("keptBiases", number(layer.kept_biases));
    return object;
  });
}

Napi::Value to_js(Napi::Env env, const TrainResult& result) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("completed", result.completed);
  object.Set("stop", stop_name(result.stop));
  object.Set("rows", to_js(env, result.rows));
  return object;
}

Napi::Value to_js(Napi::Env env, const RateEvaluations& result) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("accuracy", to_js(env, result.accuracy));
  object.Set("loss", to_js(env, result.loss));
  object.Set("kept", to_js(env, result.kept));
  return object;
}

Napi::Value to_js(Napi::Env env, const BatchParts& parts) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("train", parts.train);
  object.Set("test", parts.test);
  return object;
}

Napi::Value to_js(Napi::Env env, const std::optional<MemoryEstimate>& estimate) {
  if (!estimate) return env.Null();
  Napi::Object object = Napi::Object::New(env);
  object.Set("neededBytes", number(estimate->needed_bytes));
  object.Set("freeBytes", number(estimate->memory.free_bytes));
  object.Set("totalBytes", number(estimate->memory.total_bytes));
  object.Set("fits", estimate->fits);
  object.Set("batchParts", to_js(env, estimate->parts));
  object.Set("whyNotInParts", estimate->why_not_in_parts);
  return object;
}

Napi::Value to_js(Napi::Env env, const ParameterStore& parameters) {
  return list(env, parameters.all(), [env](const std::unique_ptr<Parameter>& parameter) {
    const Shape& shape = parameter->tensor.shape;
    Napi::Object object = Napi::Object::New(env);
    object.Set("layer", parameter->layer);
    object.Set("slot", parameter->slot);
    object.Set("shape", shape_to_js(env, shape.data(), shape.size()));
    object.Set("lrMult", parameter->lr_mult);
    object.Set("decayMult", parameter->decay_mult);
    object.Set("prunable", parameter->prunable);
    return object;
  });
}

Napi::Value to_js(Napi::Env env, const DatumSetInfo& info) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("entries", static_cast<double>(info.entries));
  object.Set("shape", shape_to_js(env, info.shape.data(), info.shape.size()));
  object.Set("encoded", info.encoded);
  object.Set("floatData", info.float_data);
  return object;
}

Napi::Value to_js(Napi::Env env, const std::vector<DatumImage>& images) {
  return list(env, images, [env](const DatumImage& image) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("shape", shape_to_js(env, image.shape.data(), image.shape.size()));
    object.Set("label", image.label);
    object.Set("pixels", to_js(env, image.pixels));
    return object;
  });
}

}  // namespace olmp
