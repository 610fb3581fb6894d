// The addon's functions (EngineAddon of main/engine/binding.ts). One instance per JavaScript environment; no globals.
#include <dnnl.h>
#include <napi.h>

#include <thread>

#include "addon/addon_data.h"
#include "addon/lmdb_writer_object.h"
#include "addon/promise.h"
#include "addon/session_object.h"
#include "cpu/isa.h"
#include "cuda/cuda.h"
#include "engine/version.h"

namespace olmp {
namespace {

Napi::Value system_info(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const dnnl_version_t* onednn = dnnl_version();
  const CudaInfo gpu = cuda_info();
  Napi::Object cuda = Napi::Object::New(env);
  cuda.Set("available", gpu.available);
  cuda.Set("reason", gpu.reason);
  cuda.Set("note", gpu.note);
  Napi::Array devices = Napi::Array::New(env);
  for (const CudaInfo::Device& device : gpu.devices) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", device.name);
    entry.Set("freeBytes", static_cast<double>(device.free_bytes));
    entry.Set("totalBytes", static_cast<double>(device.total_bytes));
    devices.Set(devices.Length(), entry);
  }
  cuda.Set("devices", devices);
  Napi::Object result = Napi::Object::New(env);
  result.Set("engineVersion", kEngineVersion);
  try {
    result.Set("cpuIsa", cpu_isa_name(cpu_isa()));
  } catch (...) {
    throw to_js_error(env, std::current_exception());
  }
  result.Set("logicalCpus", static_cast<double>(std::thread::hardware_concurrency()));
  result.Set("onednnVersion", std::to_string(onednn->major) + '.' + std::to_string(onednn->minor) + '.' +
                                  std::to_string(onednn->patch));
  result.Set("cuda", cuda);
  return result;
}

// Runs on a thread of its own, which ends with the task.
template <typename Prepare>
Napi::Value run_once(const Napi::CallbackInfo& info, const Prepare& prepare) {
  try {
    const auto worker = Worker::start(info.Env(), "olmp datums", [] {});
    return run_on(info.Env(), *worker, prepare);
  } catch (...) {
    return rejected(info.Env(), std::current_exception());
  }
}

Napi::Value estimate_memory_of(const Napi::CallbackInfo& info) {
  return run_once(info, [&] {
    return [options = to_session_options(info[0])] { return estimate_memory(options); };
  });
}

Napi::Value describe_datums_of(const Napi::CallbackInfo& info) {
  return run_once(info, [&] {
    return [folder = to_string(info[0], "folder")] { return describe_datums(folder); };
  });
}

Napi::Value read_datums_of(const Napi::CallbackInfo& info) {
  return run_once(info, [&] {
    return [folder = to_string(info[0], "folder"), start = to_index(info[1], "start"),
            count = to_index(info[2], "count")] { return read_datums(folder, start, count); };
  });
}

Napi::Value convert_mnist_to(const Napi::CallbackInfo& info) {
  return run_once(info, [&] {
    return [images = to_string(info[0], "imagesFile"), labels = to_string(info[1], "labelsFile"),
            folder = to_string(info[2], "folder")] { convert_mnist(images, labels, folder); };
  });
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  auto* data = new AddonData;  // the environment deletes it
  data->session = Napi::Persistent(SessionObject::define(env));
  data->lmdb_writer = Napi::Persistent(LmdbWriterObject::define(env));
  env.SetInstanceData(data);
  exports.Set("systemInfo", Napi::Function::New<system_info>(env, "systemInfo"));
  exports.Set("createSession", Napi::Function::New<SessionObject::create>(env, "createSession"));
  exports.Set("estimateMemory", Napi::Function::New<estimate_memory_of>(env, "estimateMemory"));
  exports.Set("createLmdbWriter", Napi::Function::New<LmdbWriterObject::create>(env, "createLmdbWriter"));
  exports.Set("describeDatums", Napi::Function::New<describe_datums_of>(env, "describeDatums"));
  exports.Set("readDatums", Napi::Function::New<read_datums_of>(env, "readDatums"));
  exports.Set("convertMnist", Napi::Function::New<convert_mnist_to>(env, "convertMnist"));
  return exports;
}

}  // namespace
}  // namespace olmp

static Napi::Object Init(Napi::Env env, Napi::Object exports) { return olmp::initialise(env, exports); }

NODE_API_MODULE(olmp, Init)
