// The LmdbWriter of main/engine/binding.ts.
#pragma once

#include <napi.h>

#include <memory>

#include "addon/worker.h"
#include "data/lmdb_writer.h"

namespace olmp {

class LmdbWriterObject : public Napi::ObjectWrap<LmdbWriterObject> {
 public:
  static Napi::Function define(Napi::Env env);
  // createLmdbWriter(folder, mapSizeBytes): opened with the first put() or close(), which report what goes wrong.
  static Napi::Value create(const Napi::CallbackInfo& info);

  explicit LmdbWriterObject(const Napi::CallbackInfo& info);
  ~LmdbWriterObject() override = default;

 private:
  // Opened, used and closed on the worker's thread: LMDB's write transactions belong to one thread.
  struct Target {
    std::string folder;
    std::uint64_t map_size = 0;
    std::unique_ptr<LmdbWriter> writer;
    bool closed = false;
    LmdbWriter& open();
  };

  Napi::Value put(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  std::shared_ptr<Target> target_;
  std::shared_ptr<Worker> worker_;
};

}  // namespace olmp
