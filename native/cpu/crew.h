// Threads that take pieces of work as they come free, for work of so few microseconds that waiting for a thread which does
// not run just now, because other programs have the processor, would take many times longer: whoever is awake does it all.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace olmp {

class Crew {
 public:
  // The calling thread counts: `threads` - 1 are started.
  explicit Crew(int threads);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // Calls body(i) for each i of [0, count), on whichever thread; returns when all are done. Not to be called by two threads
  // at a time, nor by a body, which must not throw.
  template <typename Body>
  void each(std::int64_t count, const Body& body) {
    run(count, [](const void* context, std::int64_t i) { (*static_cast<const Body*>(context))(i); }, &body);
  }

 private:
  using Call = void (*)(const void*, std::int64_t);

  void run(std::int64_t count, Call call, const void* context);
  void take_pieces();
  void work();
  // Until there is work that this thread has not seen, or none will come.
  void wait_beyond(std::uint64_t seen);
  bool is_over() const { return stopping_.load(std::memory_order_acquire); }

  // Of the work under way; written while nobody is inside.
  Call call_ = nullptr;
  const void* context_ = nullptr;
  std::int64_t count_ = 0;
  std::atomic<std::int64_t> next_{0};
  std::atomic<std::int64_t> done_{0};

  std::atomic<bool> open_{false};       // there are pieces to be taken
  std::atomic<int> inside_{0};          // threads that may be looking at the work
  std::atomic<std::uint64_t> works_{0};  // so far
  std::atomic<int> asleep_{0};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable woken_;
  std::vector<std::thread> threads_;
};

}  // namespace olmp
