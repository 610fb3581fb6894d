// The threads of the CPU's fused nets.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "cpu/crew.h"

namespace olmp {

TEST_CASE("every piece is done once, whatever the threads, and its results are there afterwards") {
  for (const int threads : {1, 2, 5}) {
    Crew crew(threads);
    std::vector<int> done;
    std::int64_t total = 0;
    for (int round = 0; round < 20000; ++round) {
      const std::int64_t count = round % 7;
      done.assign(static_cast<std::size_t>(count), 0);
      crew.each(count, [&](std::int64_t i) { done[static_cast<std::size_t>(i)] += static_cast<int>(i) + 1; });
      for (std::int64_t i = 0; i < count; ++i) REQUIRE(done[static_cast<std::size_t>(i)] == i + 1);
      total += count;
    }
    CHECK(total > 50000);
  }
}

TEST_CASE("threads that have gone to sleep take part again, and none is waited for that takes nothing") {
  Crew crew(4);
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    std::atomic<int> done{0};
    crew.each(8, [&](std::int64_t) { ++done; });
    CHECK(done == 8);
  }
}

TEST_CASE("the work is shared") {
  Crew crew(2);
  std::atomic<int> arrived{0};
  // each piece waits for the other: one thread alone would never end
  crew.each(2, [&](std::int64_t) {
    ++arrived;
    while (arrived < 2) std::this_thread::yield();
  });
  CHECK(arrived == 2);
}

}  // namespace olmp
