// Training allocates nothing once it is under way: every allocation of this process is counted.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "test/chain_fixtures.h"

namespace {

std::atomic<long> allocations{0};

void* counted(std::size_t size, std::size_t alignment) {
  ++allocations;
  const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
  if (void* memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return counted(size, alignof(std::max_align_t)); }
void* operator new[](std::size_t size) { return counted(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment) { return counted(size, static_cast<std::size_t>(alignment)); }
void* operator new[](std::size_t size, std::align_val_t alignment) { return counted(size, static_cast<std::size_t>(alignment)); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace olmp {
namespace {

using test::kNever;

// Of a call of train() with so many iterations, after one that let everything grow to its size.
long allocations_of(Session& session, int iterations, const std::vector<std::uint32_t>& remask) {
  const long before = allocations;
  session.train(iterations, remask, kNever);
  return allocations - before;
}

// As many for ten times the iterations: those of the call alone.
void check_constant(Session& session, std::uint32_t drawn) {
  const auto draws = [&](int iterations) {
    return drawn == 0 ? std::vector<std::uint32_t>{} : std::vector<std::uint32_t>(static_cast<std::size_t>(iterations), drawn);
  };
  const auto few = draws(20);
  const auto many = draws(200);
  session.train(50, draws(50), kNever);
  const long short_call = allocations_of(session, 20, few);
  const long long_call = allocations_of(session, 200, many);
  CHECK(long_call <= short_call);
}

}  // namespace

TEST_CASE("training, dense, masked and on frozen masks, allocates per call and not per iteration") {
  const test::SessionFixture fixture("allocation");
  for (const bool convolution : {false, true}) {
    CAPTURE(convolution);
    const auto session = convolution ? fixture.open_convolution(1) : fixture.open(1);
    check_constant(*session, 0);
    session->compute_moments();
    session->set_rates(std::vector<double>(session->prunable_layers().size(), 0.5));
    session->remask({0, 1});
    check_constant(*session, 0);
    session->freeze_masks(true);
    check_constant(*session, 0);
  }
}

TEST_CASE("a chain run as a whole allocates nothing per iteration either, whether masks change or not") {
  test::ChainGraph graph({16, 1, 12, 12});
  graph.convolution(6, 5).pooling("MAX", 2, 2).convolution(8, 3).relu().inner_product(30).relu().inner_product(10);
  SessionOptions options;
  options.train = graph.build().dump();
  options.solver = test::solver_json().dump();
  options.threads = 2;
  Session session(options);
  session.fill_parameters();
  session.compute_moments();
  session.set_rates({0.8, 0.8, 1.5, 1.0});
  session.remask({0, 1, 2, 3});
  check_constant(session, 0);
  check_constant(session, 15);
  session.freeze_masks(true);
  check_constant(session, 0);
}

}  // namespace olmp
