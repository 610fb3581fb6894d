// Retraining on frozen masks: the course of what is kept, what is pruned left alone, and the saved state.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include "test/session_fixtures.h"

namespace olmp {
namespace {

using test::contents;
using test::kNever;

constexpr std::size_t kParameters = 4;  // weights and biases of two layers

std::unique_ptr<Session> open(const test::SessionFixture& fixture, double rate) {
  auto session = fixture.open(1);
  session->compute_moments();
  session->set_rates({rate, rate});
  session->train(3, {3, 0, 3}, kNever);
  return session;
}

TEST_CASE("training on frozen masks gives the kept values their course and leaves the pruned alone") {
  const test::SessionFixture fixture("frozen-train");
  for (const double rate : {-0.5, 0.5, 1.5}) {
    CAPTURE(rate);
    const auto thawed = open(fixture, rate);
    const auto frozen = open(fixture, rate);
    const auto before = contents(*frozen);
    frozen->freeze_masks(true);
    const auto expected = thawed->train(200, {}, kNever).rows;
    const auto rows = frozen->train(200, {}, kNever).rows;
    REQUIRE(rows.size() == expected.size());
    for (std::size_t i = 2; i < rows.size(); i += 4) CHECK(rows[i] == doctest::Approx(expected[i]).epsilon(1e-3));
    const auto want = contents(*thawed);
    const auto got = contents(*frozen);
    for (std::size_t p = 0; p < kParameters; ++p) {
      const auto& mask = got[3 * p + 1];
      CHECK(mask == want[3 * p + 1]);
      for (const std::size_t part : {3 * p, 3 * p + 2}) {  // value and history
        for (std::size_t i = 0; i < mask.size(); ++i) {
          if (mask[i] == 0) {
            CHECK(got[part][i] == before[part][i]);
          } else {
            CHECK(static_cast<double>(got[part][i]) == doctest::Approx(want[part][i]).epsilon(1e-3));
          }
        }
      }
    }
  }
}

TEST_CASE("a state saved on frozen masks has the same future") {
  const test::SessionFixture fixture("frozen-state");
  const auto first = open(fixture, 0.5);
  first->freeze_masks(true);
  first->train(10, {}, kNever);
  first->save_state(fixture.file("state"));
  const auto expected = first->train(20, {}, kNever).rows;
  const auto second = open(fixture, 1.0);
  second->load_state(fixture.file("state"));
  CHECK(second->train(20, {}, kNever).rows == expected);
  CHECK(contents(*second) == contents(*first));
}

TEST_CASE("masks drawn after the promise end it") {
  const test::SessionFixture fixture("frozen-remask");
  const auto thawed = open(fixture, 0.5);
  const auto broken = open(fixture, 0.5);
  broken->freeze_masks(true);
  const std::vector<std::uint32_t> remask = {3, 0, 3, 0, 0};
  const auto expected = thawed->train(5, remask, kNever).rows;
  CHECK(broken->train(5, remask, kNever).rows == expected);
  CHECK(contents(*broken) == contents(*thawed));
}

}  // namespace
}  // namespace olmp
