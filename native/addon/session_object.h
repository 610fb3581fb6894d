// The Session of main/engine/binding.ts over olmp::Session: glue only.
#pragma once

#include <napi.h>

#include <memory>

#include "addon/convert.h"
#include "addon/worker.h"
#include "engine/session.h"

namespace olmp {

class SessionObject : public Napi::ObjectWrap<SessionObject> {
 public:
  static Napi::Function define(Napi::Env env);
  // createSession(options)
  static Napi::Value create(const Napi::CallbackInfo& info);

  // Called by create() alone, with what it made.
  explicit SessionObject(const Napi::CallbackInfo& info);
  ~SessionObject() override = default;

 private:
  // The session lives and dies on the worker's thread.
  struct Parts {
    std::shared_ptr<Worker> worker;
    std::shared_ptr<std::unique_ptr<Session>> session;
  };

  // `prepare(info)` gives a callable that is run with the session on its thread.
  template <typename Prepare>
  Napi::Value enqueue(const Napi::CallbackInfo& info, const Prepare& prepare);
  Session::Cancelled cancelled() const;
  void describe(Napi::Object target) const;

  Napi::Value iteration(const Napi::CallbackInfo& info);
  Napi::Value memory_bytes(const Napi::CallbackInfo& info);
  Napi::Value fill_parameters(const Napi::CallbackInfo& info);
  Napi::Value load_parameters(const Napi::CallbackInfo& info);
  Napi::Value get_parameter(const Napi::CallbackInfo& info);
  Napi::Value set_parameter(const Napi::CallbackInfo& info);
  Napi::Value set_iteration(const Napi::CallbackInfo& info);
  Napi::Value train(const Napi::CallbackInfo& info);
  Napi::Value test(const Napi::CallbackInfo& info);
  Napi::Value forward_train_batch(const Napi::CallbackInfo& info);
  Napi::Value forward_test(const Napi::CallbackInfo& info);
  Napi::Value rewind(const Napi::CallbackInfo& info);
  Napi::Value set_blob(const Napi::CallbackInfo& info);
  Napi::Value get_blob(const Napi::CallbackInfo& info);
  Napi::Value forward(const Napi::CallbackInfo& info);
  Napi::Value backward(const Napi::CallbackInfo& info);
  Napi::Value compute_moments(const Napi::CallbackInfo& info);
  Napi::Value set_moments(const Napi::CallbackInfo& info);
  Napi::Value set_rates(const Napi::CallbackInfo& info);
  Napi::Value remask(const Napi::CallbackInfo& info);
  Napi::Value freeze_masks(const Napi::CallbackInfo& info);
  Napi::Value kept_counts(const Napi::CallbackInfo& info);
  Napi::Value evaluate_rates(const Napi::CallbackInfo& info);
  Napi::Value reset_history(const Napi::CallbackInfo& info);
  Napi::Value set_weight_decay(const Napi::CallbackInfo& info);
  Napi::Value score_magnitude(const Napi::CallbackInfo& info);
  Napi::Value score_fisher(const Napi::CallbackInfo& info);
  Napi::Value score_growth(const Napi::CallbackInfo& info);
  Napi::Value grow_best(const Napi::CallbackInfo& info);
  Napi::Value best_counts(const Napi::CallbackInfo& info);
  Napi::Value keep_best(const Napi::CallbackInfo& info);
  Napi::Value keep_best_of_layers(const Napi::CallbackInfo& info);
  Napi::Value hold_sample(const Napi::CallbackInfo& info);
  Napi::Value evaluate_kept_counts(const Napi::CallbackInfo& info);
  Napi::Value compute_teacher(const Napi::CallbackInfo& info);
  Napi::Value set_distillation(const Napi::CallbackInfo& info);
  Napi::Value save_state(const Napi::CallbackInfo& info);
  Napi::Value load_state(const Napi::CallbackInfo& info);
  void cancel(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  Parts parts_;
  Session* session_ = nullptr;
  // As they stand once the session is closed.
  bool closed_ = false;
  int last_iteration_ = 0;
};

}  // namespace olmp
