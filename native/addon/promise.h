// A task whose result becomes a Promise's value by to_js().
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include "addon/convert.h"
#include "addon/worker.h"

namespace olmp {

// Runs `body` on the worker; a refused argument or a closed worker gives a rejected Promise, never an exception.
// `body` is made by `prepare`, which reads the arguments on the JavaScript thread. `settled` follows in either case.
template <typename Prepare>
Napi::Value run_on(Napi::Env env, Worker& worker, const Prepare& prepare, std::function<void()> settled = nullptr) {
  try {
    auto body = prepare();
    using Result = decltype(body());
    return worker.run(
        env,
        [body = std::move(body)]() mutable -> Worker::Settle {
          if constexpr (std::is_void_v<Result>) {
            body();
            return nullptr;
          } else {
            auto result = std::make_shared<const Result>(body());
            return [result](Napi::Env js) { return to_js(js, *result); };
          }
        },
        settled);
  } catch (...) {
    if (settled) settled();
    return rejected(env, std::current_exception());
  }
}

}  // namespace olmp
