#include "addon/worker.h"

#include <new>
#include <nlohmann/json.hpp>

#include "engine/error.h"

namespace olmp {

struct Worker::Task {
  Task(Napi::Env env, std::shared_ptr<Worker> owner, Work body)
      : deferred(Napi::Promise::Deferred::New(env)), worker(std::move(owner)), work(std::move(body)) {}

  Napi::Promise::Deferred deferred;
  std::shared_ptr<Worker> worker;
  Work work;
  std::function<void()> settled;
  bool last = false;
  std::uint64_t number = 0;
  Settle result;
  std::exception_ptr failure;
};

std::shared_ptr<Worker> Worker::start(Napi::Env env, const char* name, std::function<void()> at_end) {
  std::shared_ptr<Worker> worker(new Worker(env, std::move(at_end)));
  worker->open(name);
  return worker;
}

Worker::Worker(Napi::Env env, std::function<void()> at_end) : env_(env), at_end_(std::move(at_end)) {}

void Worker::open(const char* name) {
  const Napi::String resource = Napi::String::New(env_, name);
  const napi_status status = napi_create_threadsafe_function(env_, nullptr, nullptr, resource, 0, 1, nullptr, nullptr,
                                                             nullptr, &Worker::settle, &to_js_);
  if (status != napi_ok) throw Error("internal", "the engine could not set up its thread");
  // An idle worker does not keep the process alive.
  napi_unref_threadsafe_function(env_, to_js_);
  // Hooks run in reverse order: this one ends the thread before the function above goes.
  napi_add_env_cleanup_hook(env_, &Worker::on_environment_end, this);
  thread_ = std::thread([this] { loop(); });
}

Worker::~Worker() { stop(); }

void Worker::on_environment_end(void* worker) {
  const auto self = static_cast<Worker*>(worker)->shared_from_this();  // dropping the queue may drop the last owner
  self->stop();
}

void Worker::stop() {
  cancel();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  queue_.clear();
  undelivered_.clear();
  if (to_js_ == nullptr) return;
  napi_remove_env_cleanup_hook(env_, &Worker::on_environment_end, this);
  napi_release_threadsafe_function(to_js_, napi_tsfn_release);
  to_js_ = nullptr;
}

void Worker::cancel() { cancelled_up_to_ = last_.load(); }

Napi::Promise Worker::run(Napi::Env env, Work work, std::function<void()> settled) {
  if (closed_) throw Error("closed", "the session or writer is closed already");
  auto task = std::make_unique<Task>(env, shared_from_this(), std::move(work));
  task->settled = std::move(settled);
  const Napi::Promise promise = task->deferred.Promise();
  add(std::move(task));
  return promise;
}

Napi::Promise Worker::close(Napi::Env env, std::function<void()> settled) {
  if (closed_) throw Error("closed", "the session or writer is closed already");
  closed_ = true;
  auto task = std::make_unique<Task>(env, shared_from_this(), [] { return Settle(); });
  task->settled = std::move(settled);
  task->last = true;
  const Napi::Promise promise = task->deferred.Promise();
  add(std::move(task));
  return promise;
}

void Worker::add(std::unique_ptr<Task> task) {
  if (pending_++ == 0) napi_ref_threadsafe_function(env_, to_js_);
  task->number = ++last_;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    queue_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void Worker::loop() {
  for (bool last = false; !last;) {
    std::unique_ptr<Task> task;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) break;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    last = task->last;
    running_ = task->number;
    if (last) {
      at_end_();
      at_end_ = nullptr;
    }
    try {
      task->result = task->work();
    } catch (...) {
      task->failure = std::current_exception();
    }
    task->work = nullptr;  // what it captured belongs to this thread
    deliver(std::move(task));
  }
  if (at_end_) at_end_();
}

void Worker::deliver(std::unique_ptr<Task> task) {
  const napi_status status = napi_call_threadsafe_function(to_js_, task.get(), napi_tsfn_nonblocking);
  if (status == napi_ok) {
    static_cast<void>(task.release());  // settle() owns it now
    return;
  }
  // The environment is ending. The task may own the worker, which must not end on its own thread: stop() drops it.
  const std::lock_guard<std::mutex> lock(mutex_);
  undelivered_.push_back(std::move(task));
}

void Worker::settle(napi_env raw, napi_value, void*, void* data) {
  const std::unique_ptr<Task> task(static_cast<Task*>(data));
  if (raw == nullptr) return;  // the environment is gone, and its Promises with it
  const Napi::Env env(raw);
  Worker& worker = *task->worker;
  if (--worker.pending_ == 0 && worker.to_js_ != nullptr) napi_unref_threadsafe_function(raw, worker.to_js_);
  try {
    if (task->failure) {
      task->deferred.Reject(to_js_error(env, task->failure).Value());
    } else {
      task->deferred.Resolve(task->result ? task->result(env) : env.Undefined());
    }
  } catch (const Napi::Error& error) {
    task->deferred.Reject(error.Value());
  } catch (...) {
    task->deferred.Reject(to_js_error(env, std::current_exception()).Value());
  }
  if (task->last) worker.stop();  // the thread has ended or is about to
  if (task->settled) task->settled();
}

Napi::Error to_js_error(Napi::Env env, const std::exception_ptr& exception) {
  std::string code = "internal";
  std::string message = "the engine failed";
  std::string file;
  try {
    std::rethrow_exception(exception);
  } catch (const Error& error) {
    code = error.code();
    message = error.what();
    file = error.file();
  } catch (const nlohmann::json::exception& error) {
    code = "bad-argument";
    message = std::string("a description given to the engine is incomplete: ") + error.what();
  } catch (const std::bad_alloc&) {
    code = "out-of-memory";
    message = "the engine ran out of memory";
  } catch (const std::exception& error) {
    message = error.what();
  } catch (...) {
    message = "the engine failed for an unknown reason";
  }
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", code);
  if (!file.empty()) error.Set("file", file);
  return error;
}

Napi::Promise rejected(Napi::Env env, const std::exception_ptr& exception) {
  const Napi::Promise::Deferred deferred = Napi::Promise::Deferred::New(env);
  deferred.Reject(to_js_error(env, exception).Value());
  return deferred.Promise();
}

}  // namespace olmp
