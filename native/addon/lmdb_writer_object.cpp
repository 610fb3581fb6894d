#include "addon/lmdb_writer_object.h"

#include <string_view>
#include <utility>

#include "addon/addon_data.h"
#include "addon/convert.h"
#include "addon/promise.h"
#include "engine/error.h"

namespace olmp {

Napi::Function LmdbWriterObject::define(Napi::Env env) {
  return DefineClass(
      env, "LmdbWriter",
      {InstanceMethod<&LmdbWriterObject::put>("put"), InstanceMethod<&LmdbWriterObject::close>("close")});
}

Napi::Value LmdbWriterObject::create(const Napi::CallbackInfo& info) {
  return info.Env().GetInstanceData<AddonData>()->lmdb_writer.New({info[0], info[1]});
}

LmdbWriterObject::LmdbWriterObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<LmdbWriterObject>(info) {
  try {
    target_ = std::make_shared<Target>();
    target_->folder = to_string(info[0], "folder");
    target_->map_size = to_index(info[1], "mapSizeBytes");
    worker_ = Worker::start(info.Env(), "olmp lmdb writer", [target = target_] { target->writer.reset(); });
  } catch (...) {
    throw to_js_error(info.Env(), std::current_exception());
  }
}

LmdbWriter& LmdbWriterObject::Target::open() {
  if (closed) throw Error("closed", "the database is finished already", folder);
  if (!writer) writer = std::make_unique<LmdbWriter>(folder, map_size);
  return *writer;
}

Napi::Value LmdbWriterObject::put(const Napi::CallbackInfo& info) {
  Ref();
  return run_on(
      info.Env(), *worker_,
      [&] {
        return [target = target_, entries = to_entries(info[0])] {
          std::vector<std::pair<std::string_view, std::string_view>> views;
          for (const auto& [key, value] : entries) views.emplace_back(key, value);
          target->open().put(views);
        };
      },
      [this] { Unref(); });
}

Napi::Value LmdbWriterObject::close(const Napi::CallbackInfo& info) {
  Ref();
  return run_on(
      info.Env(), *worker_,
      [&] {
        return [target = target_] {
          if (target->closed) return;
          target->open().close();
          target->closed = true;
          target->writer.reset();
        };
      },
      [this] { Unref(); });
}

}  // namespace olmp
