#include "addon/session_object.h"

#include "addon/addon_data.h"
#include "addon/promise.h"
#include "engine/error.h"

namespace olmp {

Napi::Function SessionObject::define(Napi::Env env) {
  return DefineClass(
      env, "Session",
      {InstanceAccessor<&SessionObject::iteration>("iteration"),
       InstanceAccessor<&SessionObject::memory_bytes>("memoryBytes"),
       InstanceMethod<&SessionObject::fill_parameters>("fillParameters"),
       InstanceMethod<&SessionObject::load_parameters>("loadParameters"),
       InstanceMethod<&SessionObject::get_parameter>("getParameter"),
       InstanceMethod<&SessionObject::set_parameter>("setParameter"),
       InstanceMethod<&SessionObject::set_iteration>("setIteration"), InstanceMethod<&SessionObject::train>("train"),
       InstanceMethod<&SessionObject::test>("test"),
       InstanceMethod<&SessionObject::forward_train_batch>("forwardTrainBatch"),
       InstanceMethod<&SessionObject::forward_test>("forwardTest"), InstanceMethod<&SessionObject::rewind>("rewind"),
       InstanceMethod<&SessionObject::set_blob>("setBlob"), InstanceMethod<&SessionObject::get_blob>("getBlob"),
       InstanceMethod<&SessionObject::forward>("forward"), InstanceMethod<&SessionObject::backward>("backward"),
       InstanceMethod<&SessionObject::compute_moments>("computeMoments"),
       InstanceMethod<&SessionObject::set_moments>("setMoments"), InstanceMethod<&SessionObject::set_rates>("setRates"),
       InstanceMethod<&SessionObject::remask>("remask"),
       InstanceMethod<&SessionObject::freeze_masks>("freezeMasks"), InstanceMethod<&SessionObject::kept_counts>("keptCounts"),
       InstanceMethod<&SessionObject::evaluate_rates>("evaluateRates"),
       InstanceMethod<&SessionObject::reset_history>("resetHistory"),
       InstanceMethod<&SessionObject::set_weight_decay>("setWeightDecay"),
       InstanceMethod<&SessionObject::score_magnitude>("scoreMagnitude"),
       InstanceMethod<&SessionObject::score_fisher>("scoreFisher"),
       InstanceMethod<&SessionObject::score_growth>("scoreGrowth"),
       InstanceMethod<&SessionObject::grow_best>("growBest"),
       InstanceMethod<&SessionObject::best_counts>("bestCounts"),
       InstanceMethod<&SessionObject::keep_best>("keepBest"),
       InstanceMethod<&SessionObject::keep_best_of_layers>("keepBestOfLayers"),
       InstanceMethod<&SessionObject::hold_sample>("holdSample"),
       InstanceMethod<&SessionObject::evaluate_kept_counts>("evaluateKeptCounts"),
       InstanceMethod<&SessionObject::compute_teacher>("computeTeacher"),
       InstanceMethod<&SessionObject::set_distillation>("setDistillation"),
       InstanceMethod<&SessionObject::save_state>("saveState"), InstanceMethod<&SessionObject::load_state>("loadState"),
       InstanceMethod<&SessionObject::cancel>("cancel"), InstanceMethod<&SessionObject::close>("close")});
}

Napi::Value SessionObject::create(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  try {
    const SessionOptions options = to_session_options(info[0]);
    auto session = std::make_shared<std::unique_ptr<Session>>();
    auto worker = Worker::start(env, "olmp session", [session] { session->reset(); });
    Worker* const thread = worker.get();
    return thread->run(env, [options, session, worker]() -> Worker::Settle {
      *session = std::make_unique<Session>(options);
      return [session, worker](Napi::Env js) -> Napi::Value {
        Parts parts{worker, session};
        return js.GetInstanceData<AddonData>()->session.New({Napi::External<Parts>::New(js, &parts)});
      };
    });
  } catch (...) {
    return rejected(env, std::current_exception());
  }
}

SessionObject::SessionObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SessionObject>(info) {
  if (!info[0].IsExternal()) throw Napi::TypeError::New(info.Env(), "sessions are made by createSession()");
  parts_ = *info[0].As<Napi::External<Parts>>().Data();
  session_ = parts_.session->get();
  describe(info.This().As<Napi::Object>());
}

void SessionObject::describe(Napi::Object target) const {
  const Napi::Env env = target.Env();
  const auto define = [&](const char* name, const Napi::Value& value) {
    target.DefineProperty(Napi::PropertyDescriptor::Value(name, value, napi_enumerable));
  };
  define("parameters", to_js(env, session_->parameters()));
  define("prunableLayers", to_js(env, session_->prunable_layers()));
  define("trainOutputs", to_js(env, session_->outputs(Phase::kTrain)));
  define("testOutputs", to_js(env, session_->outputs(Phase::kTest)));
  define("batchParts", to_js(env, session_->batch_parts()));
}

// The object is held until the Promise is settled, so that a session in use is never collected.
template <typename Prepare>
Napi::Value SessionObject::enqueue(const Napi::CallbackInfo& info, const Prepare& prepare) {
  Ref();
  return run_on(
      info.Env(), *parts_.worker,
      [&] { return [session = session_, body = prepare()]() mutable { return body(*session); }; },
      [this] { Unref(); });
}

Session::Cancelled SessionObject::cancelled() const {
  return [worker = parts_.worker.get()] { return worker->cancelled(); };
}

Napi::Value SessionObject::iteration(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), closed_ ? last_iteration_ : session_->iteration());
}

Napi::Value SessionObject::memory_bytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), closed_ ? 0 : static_cast<double>(session_->memory_bytes()));
}

Napi::Value SessionObject::fill_parameters(const Napi::CallbackInfo& info) {
  return enqueue(info, [&info] {
    const bool all = info[0].IsUndefined();
    auto indices = all ? std::vector<std::size_t>{} : to_indices(info[0], "parameters");
    return [all, indices = std::move(indices)](Session& session) {
      if (all) {
        session.fill_parameters();
      } else {
        session.fill_parameters(indices);
      }
    };
  });
}

Napi::Value SessionObject::load_parameters(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] {
    return [placements = to_placements(info[0])](Session& session) { session.load_parameters(placements); };
  });
}

Napi::Value SessionObject::get_parameter(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] {
    return [index = to_index(info[0], "parameter"), part = to_parameter_part(info[1])](Session& session) {
      return session.get_parameter(index, part);
    };
  });
}

Napi::Value SessionObject::set_parameter(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] {
    return [index = to_index(info[0], "parameter"), part = to_parameter_part(info[1]),
            values = to_floats(info[2], "values")](Session& session) { session.set_parameter(index, part, values); };
  });
}

Napi::Value SessionObject::set_iteration(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] {
    return [iteration = to_int(info[0], "iteration")](Session& session) { session.set_iteration(iteration); };
  });
}

Napi::Value SessionObject::train(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] {
    std::vector<std::uint32_t> remask;
    if (!info[1].IsUndefined()) remask = to_words(info[1], "remask");
    std::vector<double> rates;
    if (!info[2].IsUndefined()) rates = to_doubles(info[2], "rates");
    return [iterations = to_int(info[0], "iterations"), remask = std::move(remask), rates = std::move(rates),
            cancelled = cancelled()](Session& session) { return session.train(iterations, remask, cancelled, rates); };
  });
}

Napi::Value SessionObject::test(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] {
    return [iterations = to_int(info[0], "iterations"), cancelled = cancelled()](Session& session) {
      return session.test(iterations, cancelled);
    };
  });
}

Napi::Value SessionObject::forward_train_batch(const Napi::CallbackInfo& info) {
  return enqueue(info, [] { return [](Session& session) { return session.forward_train_batch(); }; });
}

Napi::Value SessionObject::forward_test(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] {
    return [blobs = to_strings(info[0], "blobs")](Session& session) { return session.forward_test(blobs); };
  });
}

Napi::Value SessionObject::rewind(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] { return [phase = to_phase(info[0])](Session& session) { session.rewind(phase); }; });
}

Napi::Value SessionObject::set_blob(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] {
    return [phase = to_phase(info[0]), blob = to_string(info[1], "blob"), part = to_blob_part(info[2]),
            values = to_floats(info[3], "values")](Session& session) { session.set_blob(phase, blob, part, values); };
  });
}

Napi::Value SessionObject::get_blob(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] {
    return [phase = to_phase(info[0]), blob = to_string(info[1], "blob"), part = to_blob_part(info[2])](
               Session& session) { return session.get_blob(phase, blob, part); };
  });
}

Napi::Value SessionObject::forward(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] { return [phase = to_phase(info[0])](Session& session) { session.forward(phase); }; });
}

Napi::Value SessionObject::backward(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] { return [phase = to_phase(info[0])](Session& session) { session.backward(phase); }; });
}

Napi::Value SessionObject::compute_moments(const Napi::CallbackInfo& info) {
  return enqueue(info, [] { return [](Session& session) { return session.compute_moments(); }; });
}

Napi::Value SessionObject::set_moments(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] {
    return [moments = to_moments(info[0])](Session& session) { session.set_moments(moments); };
  });
}

Napi::Value SessionObject::set_rates(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] {
    return [rates = to_doubles(info[0], "rates")](Session& session) { session.set_rates(rates); };
  });
}

Napi::Value SessionObject::remask(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] {
    return [layers = to_indices(info[0], "layers")](Session& session) { session.remask(layers); };
  });
}

Napi::Value SessionObject::freeze_masks(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] {
    if (!info[0].IsBoolean()) throw Error("bad-argument", "frozen must be true or false");
    return [frozen = info[0].As<Napi::Boolean>().Value()](Session& session) { session.freeze_masks(frozen); };
  });
}

Napi::Value SessionObject::kept_counts(const Napi::CallbackInfo& info) {
  return enqueue(info, [] { return [](Session& session) { return session.kept_counts(); }; });
}

Napi::Value SessionObject::evaluate_rates(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] {
    const std::string mode = to_string(info[1], "mode");
    if (mode != "independent" && mode != "sequential") {
      throw Error("bad-argument", "mode must be 'independent' or 'sequential'");
    }
    return [rates = to_doubles(info[0], "rates"), sequential = mode == "sequential", cancelled = cancelled(),
            bounds = to_search_bounds(info[2])](Session& session) {
      return session.evaluate_rates(rates, sequential, cancelled, bounds);
    };
  });
}

Napi::Value SessionObject::reset_history(const Napi::CallbackInfo& info) {
  return enqueue(info, [] {
    return [](Session& session) { return session.reset_history(); };
  });
}

Napi::Value SessionObject::set_weight_decay(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] {
    return [decay = to_double(info[0], "decay")](Session& session) { return session.set_weight_decay(decay); };
  });
}

Napi::Value SessionObject::score_magnitude(const Napi::CallbackInfo& info) {
  return enqueue(info, [] {
    return [](Session& session) { return session.score_magnitude(); };
  });
}

Napi::Value SessionObject::score_fisher(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] {
    return [batches = to_int(info[0], "batches"), damping = to_double(info[1], "damping")](Session& session) {
      return session.score_fisher(batches, damping);
    };
  });
}

Napi::Value SessionObject::score_growth(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] {
    return [batches = to_int(info[0], "batches"), damping = to_double(info[1], "damping")](Session& session) {
      return session.score_growth(batches, damping);
    };
  });
}

Napi::Value SessionObject::grow_best(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] {
    return [count = to_integer(info[0], "count"), per_output = to_int(info[1], "perOutput")](Session& session) {
      return session.grow_best(count, per_output);
    };
  });
}

Napi::Value SessionObject::best_counts(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] {
    return [total = to_integer(info[0], "total")](Session& session) { return session.best_counts(total); };
  });
}

Napi::Value SessionObject::keep_best(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] {
    return [total = to_integer(info[0], "total")](Session& session) { return session.keep_best(total); };
  });
}

Napi::Value SessionObject::keep_best_of_layers(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] {
    return [counts = to_doubles(info[0], "counts")](Session& session) { return session.keep_best_of_layers(counts); };
  });
}

Napi::Value SessionObject::hold_sample(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] {
    return [batches = to_int(info[0], "batches")](Session& session) { return session.hold_sample(batches); };
  });
}

Napi::Value SessionObject::evaluate_kept_counts(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] {
    return [counts = to_doubles(info[0], "counts"), cancelled = cancelled()](Session& session) { return session.evaluate_kept_counts(counts, cancelled); };
  });
}

Napi::Value SessionObject::compute_teacher(const Napi::CallbackInfo& info) {
  return enqueue(info, [] {
    return [](Session& session) { return session.compute_teacher(); };
  });
}

Napi::Value SessionObject::set_distillation(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] {
    return [weight = to_double(info[0], "weight"), temperature = to_double(info[1], "temperature")](Session& session) { return session.set_distillation(weight, temperature); };
  });
}

Napi::Value SessionObject::save_state(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] {
    return [file = to_string(info[0], "file")](Session& session) { session.save_state(file); };
  });
}

Napi::Value SessionObject::load_state(const Napi::CallbackInfo& info) {
  return enqueue(info, [&] {
    return [file = to_string(info[0], "file")](Session& session) { session.load_state(file); };
  });
}

void SessionObject::cancel(const Napi::CallbackInfo&) { parts_.worker->cancel(); }

Napi::Value SessionObject::close(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (closed_) {
    const auto done = Napi::Promise::Deferred::New(env);
    done.Resolve(env.Undefined());
    return done.Promise();
  }
  parts_.worker->cancel();
  last_iteration_ = session_->iteration();
  closed_ = true;
  Ref();
  return parts_.worker->close(env, [this] { Unref(); });
}

}  // namespace olmp
