// Retraining on frozen masks: the course of what is kept, what is pruned left alone, and the saved state.
#include "test/test_main.h"

#include "test/session_fixtures.h"

namespace olmp {
namespace {

using test::contents;
using test::error_code;
using test::kNever;


std::unique_ptr<Session> open(const test::SessionFixture& fixture, double rate) {
  auto session = fixture.open(1);
  session->compute_moments();
  session->set_rates({rate, rate});
  session->train(3, {3, 0, 3}, kNever);
  return session;
}

// What is kept is where it is in the session whose masks may change; what is pruned is where it was.
void compare_courses(const Session& frozen, const Session& thawed, const std::vector<std::vector<float>>& before) {
  const auto want = contents(thawed);
  const auto got = contents(frozen);
  for (std::size_t p = 0; p < frozen.parameters().all().size(); ++p) {
    const auto& mask = got[3 * p + 1];
    CHECK(mask == want[3 * p + 1]);
    for (const std::size_t part : {3 * p, 3 * p + 2}) {  // value and history
      for (std::size_t i = 0; i < mask.size(); ++i) {
        if (mask[i] == 0) {
          CHECK(got[part][i] == before[part][i]);
        } else {
          CHECK(static_cast<double>(got[part][i]) == doctest::Approx(want[part][i]).epsilon(2e-3).scale(0.1));
        }
      }
    }
  }
}

// A net whose layers are sparse enough for the kept lists, one row of each alone kept whole.
std::unique_ptr<Session> open_sparse(const test::SessionFixture& fixture, float density) {
  auto session = fixture.open_convolution(1);
  Random random(4);
  for (std::size_t p = 0; p < session->parameters().all().size(); ++p) {
    const Tensor& tensor = session->parameters().all()[p]->tensor;
    std::vector<float> mask(static_cast<std::size_t>(tensor.count()));
    for (float& value : mask) value = random.uniform(0, 1) < density ? 1.0F : 0.0F;
    mask[0] = 1;
    session->set_parameter(p, ParameterPart::kMask, mask);
  }
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
    compare_courses(*frozen, *thawed, before);
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

TEST_CASE("a sparse convolution with its maxima taken along: the same course, the same future") {
  const test::SessionFixture fixture("frozen-convolution");
  for (const float density : {0.0F, 0.06F, 0.5F}) {
    CAPTURE(density);
    const auto thawed = open_sparse(fixture, density);
    const auto frozen = open_sparse(fixture, density);
    const auto before = contents(*frozen);
    frozen->freeze_masks(true);
    const auto expected = thawed->train(200, {}, kNever).rows;
    const auto rows = frozen->train(200, {}, kNever).rows;
    for (std::size_t i = 2; i < rows.size(); i += 4) CHECK(rows[i] == doctest::Approx(expected[i]).epsilon(2e-3));
    compare_courses(*frozen, *thawed, before);
    const auto code_of = [](Session& session) {
      return error_code([&] { session.get_blob(Phase::kTrain, "conv1", BlobPart::kData); });
    };
    const bool whole = test::test_device() == "cuda-emulated-large";  // pooling is then a layer by itself
    CHECK(code_of(*frozen) == (whole ? "" : "blob-not-kept"));
    // Where masks may change, a dense convolution takes its maxima along, a sparse one of the CPU does not.
    const bool sparse = test::test_device() == "cpu" && thawed->kept_counts()[0].kept_weights < 8;
    CHECK(code_of(*thawed) == (sparse || whole ? "" : "blob-not-kept"));

    frozen->save_state(fixture.file("state"));
    const auto future = frozen->train(20, {}, kNever).rows;
    const auto second = fixture.open_convolution(7);
    second->load_state(fixture.file("state"));
    CHECK(second->train(20, {}, kNever).rows == future);
    CHECK(contents(*second) == contents(*frozen));

    frozen->forward(Phase::kTrain);
    const auto pooled = frozen->get_blob(Phase::kTrain, "pool1", BlobPart::kData);
    CHECK_NOTHROW(frozen->get_blob(Phase::kTrain, "conv1", BlobPart::kData));
    second->forward(Phase::kTrain);
    CHECK(second->get_blob(Phase::kTrain, "pool1", BlobPart::kData) == pooled);
  }
}

}  // namespace
}  // namespace olmp
