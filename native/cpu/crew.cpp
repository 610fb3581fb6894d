#include "cpu/crew.h"

#include <chrono>

#include "engine/denormals.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace olmp {
namespace {

using Clock = std::chrono::steady_clock;

// Longer than from one part of a training step to the next, shorter than anyone would notice of a core.
constexpr auto kSpin = std::chrono::microseconds(100);

void relax() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#endif
}

// Whether `met` came true within kSpin.
template <typename Condition>
bool spin(const Condition& met) {
  const auto end = Clock::now() + kSpin;
  do {
    for (int i = 0; i < 32; ++i) {
      if (met()) return true;
      relax();
    }
  } while (Clock::now() < end);
  return false;
}

}  // namespace

Crew::Crew(int threads) {
  for (int i = 1; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

Crew::~Crew() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  woken_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Crew::run(std::int64_t count, Call call, const void* context) {
  if (threads_.empty() || count < 2) {
    for (std::int64_t i = 0; i < count; ++i) call(context, i);
    return;
  }
  const auto nobody_inside = [this] { return inside_.load() == 0; };
  while (!spin(nobody_inside)) std::this_thread::yield();
  call_ = call;
  context_ = context;
  count_ = count;
  next_.store(0, std::memory_order_relaxed);
  done_.store(0, std::memory_order_relaxed);
  open_ = true;
  ++works_;
  if (asleep_ > 0) {
    { const std::lock_guard lock(mutex_); }
    woken_.notify_all();
  }
  take_pieces();
  const auto all_done = [this] { return done_.load(std::memory_order_acquire) == count_; };
  while (!spin(all_done)) std::this_thread::yield();
  open_ = false;
}

void Crew::take_pieces() {
  for (std::int64_t i = next_.fetch_add(1); i < count_; i = next_.fetch_add(1)) {
    call_(context_, i);
    done_.fetch_add(1, std::memory_order_release);
  }
}

void Crew::work() {
  const FlushDenormals flush;
  std::uint64_t seen = 0;
  while (true) {
    wait_beyond(seen);
    if (is_over()) return;
    seen = works_;
    // Whoever begins the next work sees this thread inside, or this thread sees that the work is not open yet: both are
    // sequentially consistent.
    ++inside_;
    if (open_) take_pieces();
    --inside_;
  }
}

void Crew::wait_beyond(std::uint64_t seen) {
  const auto called = [this, seen] { return works_.load() != seen || is_over(); };
  if (spin(called)) return;
  std::unique_lock lock(mutex_);
  ++asleep_;
  woken_.wait(lock, called);
  --asleep_;
}

}  // namespace olmp
