// One thread that runs tasks in the order they were given and settles a Promise for each on the JavaScript thread. Not
// libuv's pool: OpenMP keeps a pool of helpers per calling thread, and LMDB's write transactions belong to one thread.
#pragma once

#include <napi.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace olmp {

class Worker : public std::enable_shared_from_this<Worker> {
 public:
  // Makes the Promise's value, on the JavaScript thread.
  using Settle = std::function<Napi::Value(Napi::Env)>;
  using Work = std::function<Settle()>;

  // `at_end` runs on the thread, last of all: it destroys what was made there.
  static std::shared_ptr<Worker> start(Napi::Env env, const char* name, std::function<void()> at_end);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // `settled` is called on the JavaScript thread once the Promise is settled, unless the environment ends before.
  Napi::Promise run(Napi::Env env, Work work, std::function<void()> settled = nullptr);
  // Runs what is queued, then ends the thread. Later calls of run() are refused with the code 'closed'.
  Napi::Promise close(Napi::Env env, std::function<void()> settled = nullptr);

  // Asks every task given so far to return early. Safe from any thread.
  void cancel();
  // Whether the running task should return early; asked on the worker's thread.
  bool cancelled() const { return running_ <= cancelled_up_to_; }

 private:
  struct Task;
  Worker(Napi::Env env, std::function<void()> at_end);
  void open(const char* name);
  void loop();
  // Cancels, drops what is queued and joins. On the JavaScript thread.
  void stop();
  void deliver(std::unique_ptr<Task> task);
  void add(std::unique_ptr<Task> task);
  static void settle(napi_env env, napi_value function, void* context, void* data);
  static void on_environment_end(void* worker);

  napi_env env_;
  std::function<void()> at_end_;
  napi_threadsafe_function to_js_ = nullptr;
  std::size_t pending_ = 0;  // Promises not settled yet; only touched on the JavaScript thread
  bool closed_ = false;      // likewise
  std::thread thread_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Task>> queue_;
  std::vector<std::unique_ptr<Task>> undelivered_;
  bool stopping_ = false;
  std::atomic<std::uint64_t> last_{0};     // numbers of tasks, from 1
  std::atomic<std::uint64_t> running_{0};
  std::atomic<std::uint64_t> cancelled_up_to_{0};
};

// The JavaScript Error for a C++ exception: message, `code`, and `file` where one is at fault.
Napi::Error to_js_error(Napi::Env env, const std::exception_ptr& exception);
Napi::Promise rejected(Napi::Env env, const std::exception_ptr& exception);

}  // namespace olmp
