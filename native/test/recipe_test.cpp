// What a compression in cycles asks of the engine: scores, choices by them, sampled data, a teacher.
#include "test/test_main.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "cpu/squared_gradients.h"
#include "data/augmentation.h"
#include "data/held_out.h"
#include "engine/data_source.h"
#include "engine/error.h"
#include "test/session_fixtures.h"

using namespace olmp;
using namespace olmp::test;

namespace {

std::vector<float> drawn(std::size_t n, Random& random) {
  std::vector<float> values(n);
  for (float& value : values) value = random.uniform(-1, 1);
  return values;
}

// A parameter of n values whose mask keeps about `share`.
struct MaskedParameter {
  Parameter parameter;
  std::vector<float> mask;
  MaskedParameter(int n, double share, Random& random) : mask(static_cast<std::size_t>(n)) {
    parameter.tensor.shape = {n};
    for (float& value : mask) {
      value = random.uniform() < share ? 1.0F : 0.0F;
      parameter.kept += value == 1.0F ? 1 : 0;
    }
    if (share < 1) parameter.mask = mask.data();
  }
  bool keeps(std::size_t i) const { return parameter.mask == nullptr || mask[i] == 1.0F; }
};

void check_close(float value, double wanted) { CHECK(value == doctest::Approx(wanted).epsilon(1e-4)); }

std::vector<float> all_masks(Session& session) {
  std::vector<float> masks;
  for (std::size_t i = 0; i < session.parameters().all().size(); ++i) {
    const auto mask = session.get_parameter(i, ParameterPart::kMask);
    masks.insert(masks.end(), mask.begin(), mask.end());
  }
  return masks;
}

json sampling(std::uint64_t held, const char* part, bool shuffle, json augmentation = nullptr) {
  return {{"held", held}, {"part", part}, {"shuffle", shuffle}, {"augmentation", augmentation}, {"seed", 3}};
}

json data_params(const std::string& source, json part, int batch = 10) {
  const json transform = {{"scale", 1.0}, {"mirror", false}, {"crop_size", 0}, {"mean_file", ""},
                          {"mean_value", json::array()}, {"force_color", false}, {"force_gray", false}};
  return {{"source", source}, {"batch_size", batch}, {"datum_shape", {1, 4, 4}}, {"transform", transform},
          {"sampling", part}};
}

json sampled_graph(const std::string& source, json part) {
  json whole = graph("TRAIN", source);
  for (json& entry : whole["layers"]) {
    if (entry["type"] == "Data") entry["params"]["sampling"] = part;
    if (entry["type"] == "Dropout") entry["params"]["dropout_ratio"] = 0;
  }
  return whole;
}

}  // namespace

TEST_CASE("squares of each row's gradient of an inner product are summed") {
  Random random(1);
  const std::int64_t rows = 7, inputs = 13, outputs = 5;
  const auto x = drawn(rows * inputs, random);
  const auto dy = drawn(rows * outputs, random);
  for (const bool transposed : {false, true}) {
    for (const double share : {1.0, 0.5, 0.05}) {
      const MaskedParameter weights(inputs * outputs, share, random);
      std::vector<float> sums(inputs * outputs);
      add_squared_gradients(x.data(), dy.data(), rows, inputs, outputs, transposed, weights.parameter, 2, sums.data());
      for (std::int64_t o = 0; o < outputs; ++o) {
        for (std::int64_t i = 0; i < inputs; ++i) {
          const auto place = static_cast<std::size_t>(transposed ? i * outputs + o : o * inputs + i);
          double wanted = 0;
          for (std::int64_t r = 0; r < rows; ++r) wanted += std::pow(double{dy[r * outputs + o]} * x[r * inputs + i], 2);
          if (weights.keeps(place)) check_close(sums[place], wanted);
        }
      }
    }
  }
}

TEST_CASE("squares of each image's gradient of a convolution in groups are summed") {
  Random random(2);
  ConvolutionGeometry g;
  g.images = 5;
  g.channels = 4;
  g.outputs = 6;
  g.group = 2;
  g.input = {6, 5};
  g.kernel = {3, 2};
  g.stride = {2, 1};
  g.pad = {1, 0};
  g.dilation = {1, 1};
  g.output = {3, 4};
  const auto x = drawn(static_cast<std::size_t>(g.images * g.input_count()), random);
  const auto dy = drawn(static_cast<std::size_t>(g.images * g.output_count()), random);
  const std::int64_t width = g.rows() / g.group;
  for (const int threads : {1, 2}) {
    for (const double share : {1.0, 0.05}) {
      const MaskedParameter weights(static_cast<int>(g.outputs * width), share, random);
      std::vector<float> sums(static_cast<std::size_t>(g.outputs * width));
      add_squared_gradients(g, x.data(), dy.data(), weights.parameter, threads, sums.data());
      for (int o = 0; o < g.outputs; ++o) {
        for (int c = 0; c < 2; ++c) {
          for (int ky = 0; ky < 3; ++ky) {
            for (int kx = 0; kx < 2; ++kx) {
              const auto place = static_cast<std::size_t>(((o * 2 + c) * 3 + ky) * 2 + kx);
              const int channel = o / 3 * 2 + c;
              double wanted = 0;
              for (int image = 0; image < 5; ++image) {
                double gradient = 0;
                for (int y = 0; y < 3; ++y) {
                  for (int column = 0; column < 4; ++column) {
                    const int row = 2 * y - 1 + ky;
                    if (row < 0 || row >= 6) continue;
                    gradient += double{dy[static_cast<std::size_t>(((image * 6 + o) * 3 + y) * 4 + column)]} *
                                x[static_cast<std::size_t>(((image * 4 + channel) * 6 + row) * 5 + column + kx)];
                  }
                }
                wanted += gradient * gradient;
              }
              if (weights.keeps(place)) check_close(sums[place], wanted);
            }
          }
        }
      }
    }
  }
}

TEST_CASE("the best of all layers are kept, exactly as many, by magnitude over the layer's root mean square") {
  const SessionFixture fixture("recipe_best");
  const auto session = fixture.open(1);
  session->score_magnitude();
  std::vector<std::pair<double, std::size_t>> ranked;
  std::size_t place = 0;
  const auto& all = session->parameters().all();
  std::vector<double> squares(2);
  std::vector<double> sizes(2);
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (const float value : session->get_parameter(i, ParameterPart::kValue)) {
      squares[static_cast<std::size_t>(all[i]->prunable)] += double{value} * value;
      sizes[static_cast<std::size_t>(all[i]->prunable)] += 1;
    }
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto layer = static_cast<std::size_t>(all[i]->prunable);
    for (const float value : session->get_parameter(i, ParameterPart::kValue)) {
      ranked.emplace_back(-std::abs(value) / std::sqrt(squares[layer] / sizes[layer]), place++);
    }
  }
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  const auto counts = session->best_counts(100);
  CHECK(std::accumulate(counts.begin(), counts.end(), 0.0) == 100);
  session->keep_best(100);
  const auto masks = all_masks(*session);
  CHECK(std::accumulate(masks.begin(), masks.end(), 0.0) == 100);
  for (std::size_t k = 0; k < 95; ++k) CHECK(masks[ranked[k].second] == 1.0F);
  for (std::size_t k = 105; k < ranked.size(); ++k) CHECK(masks[ranked[k].second] == 0.0F);
  // What is pruned stays so, whatever its score.
  session->score_magnitude();
  session->keep_best(150);
  CHECK(all_masks(*session) == masks);
  session->keep_best_of_layers({10, 7});
  CHECK(session->kept_counts()[0].kept_weights + session->kept_counts()[0].kept_biases == 10);
  CHECK(session->kept_counts()[1].kept_weights + session->kept_counts()[1].kept_biases == 7);
  CHECK_THROWS_AS(session->keep_best_of_layers({1}), Error);
}

TEST_CASE("candidates are evaluated on the held sample and leave nothing behind") {
  const SessionFixture fixture("recipe_candidates");
  const auto session = fixture.open(1);
  session->train(20, {}, kNever);
  session->score_fisher(3, 1e-3);
  session->hold_sample(4);
  const auto before = all_masks(*session);
  const auto losses = session->evaluate_kept_counts({1000, 1000, 20, 20, 1000, 1000}, kNever);
  REQUIRE(losses.size() == 3);
  CHECK(losses[0] == losses[2]);
  CHECK(losses[1] != losses[0]);
  CHECK(all_masks(*session) == before);
  CHECK_THROWS_AS(session->evaluate_kept_counts({1, 2, 3}, kNever), Error);
}

TEST_CASE("scores, given rates, history and decay repeat bit for bit, and on other threads nearly") {
  const SessionFixture fixture("recipe_repeat");
  const auto run = [&](int threads) {
    SessionOptions options = fixture.options(4);
    options.threads = threads;
    Session session(options, make_test_backend(options.threads));
    session.fill_parameters();
    session.train(10, {}, kNever, std::vector<double>(10, 0.02));
    session.score_fisher(4, 1e-3);
    session.keep_best(120);
    session.freeze_masks(true);
    session.reset_history();
    session.set_weight_decay(0.01);
    const auto result = session.train(5, {}, kNever, {0.05, 0.04, 0.03, 0.02, 0.01});
    CHECK(result.rows.back() == doctest::Approx(0.01));
    return std::make_pair(all_masks(session), session.get_parameter(0, ParameterPart::kValue));
  };
  const auto first = run(2);
  CHECK(run(2) == first);
  CHECK(run(1).first == first.first);
  const auto session = fixture.open(1);
  CHECK_THROWS_AS(session->train(2, {}, kNever, {0.1}), Error);
}

TEST_CASE("a shuffled part shows every item once an epoch, in a new order, and goes on where it was saved") {
  const SessionFixture fixture("recipe_sampling");
  const json layers = json::parse(fixture.options(1).train)["layers"];
  const std::string source = layers[0]["params"]["source"];
  const auto open = [&](bool shuffle) { return open_data_source(data_params(source, sampling(30, "rest", shuffle)), true, 1); };
  const auto take = [](DataSource& from) {
    std::vector<float> data(160);
    from.next(data.data(), nullptr);
    return from.items();
  };
  const auto ordered = open(false);
  CHECK(ordered->entries() == 20);
  CHECK(take(*ordered).front() == 0);
  const auto shuffled = open(true);
  std::vector<std::vector<std::uint64_t>> batches;
  for (int i = 0; i < 2; ++i) batches.push_back(take(*shuffled));
  const auto state = shuffled->state();
  for (int i = 0; i < 2; ++i) batches.push_back(take(*shuffled));
  for (const std::size_t epoch : {0, 1}) {
    std::set<std::uint64_t> seen(batches[2 * epoch].begin(), batches[2 * epoch].end());
    seen.insert(batches[2 * epoch + 1].begin(), batches[2 * epoch + 1].end());
    CHECK(seen.size() == 20);
    CHECK(*seen.rbegin() == 19);
  }
  CHECK(batches[0] != batches[2]);
  const auto resumed = open(true);
  resumed->restore(state);
  CHECK(take(*resumed) == batches[2]);
  for (const json& part : {sampling(50, "rest", true), sampling(51, "held", true), sampling(0, "held", true)}) {
    CHECK_THROWS_AS(open_data_source(data_params(source, part), true, 1), Error);
  }
}

TEST_CASE("what is held out is a random part with each label's share, the same in every run") {
  std::vector<int> labels;
  for (int i = 0; i < 900; ++i) labels.push_back(i < 600 ? 0 : i < 890 ? 1 : 2);
  const auto held = held_out(labels, 90);
  CHECK(held == held_out(labels, 90));
  CHECK(std::is_sorted(held.begin(), held.end()));
  std::array<int, 3> of_label{};
  for (const auto item : held) ++of_label[static_cast<std::size_t>(labels[item])];
  CHECK(of_label == std::array<int, 3>{60, 29, 1});
  // neither a range nor every tenth
  CHECK(held.back() - held.front() > 500);
  std::set<std::uint64_t> gaps;
  for (std::size_t i = 1; i < held.size(); ++i) gaps.insert(held[i] - held[i - 1]);
  CHECK(gaps.size() > 5);
  const auto larger = held_out(labels, 300);
  CHECK(std::includes(larger.begin(), larger.end(), held.begin(), held.end()));
  const auto others = all_but(held, 900);
  CHECK(others.size() == 810);
  for (const auto item : held) CHECK(!std::binary_search(others.begin(), others.end(), item));
  // a label of its own for each, as of data without classes
  std::iota(labels.begin(), labels.end(), 0);
  CHECK(held_out(labels, 90).size() == 90);
}

TEST_CASE("training never shows what is held out, and validation shows each of it once") {
  const SessionFixture fixture("recipe_held");
  const std::string source = json::parse(fixture.options(1).train)["layers"][0]["params"]["source"];
  const json copies = {{"copies", 2}, {"cleanShare", 1.0}, {"shift", 0.0}, {"rotate", 0.0}, {"scale", 0.0}};
  using Image = std::vector<float>;
  const auto images = [&](const json& part, int batches) {
    const auto from = open_data_source(data_params(source, part), false, 1);
    CHECK(from->entries() == static_cast<std::uint64_t>(10 * batches));
    std::multiset<Image> found;
    Image data(160);
    for (int batch = 0; batch < batches; ++batch) {
      from->next(data.data(), nullptr);
      for (auto image = data.begin(); image != data.end(); image += 16) found.insert(Image(image, image + 16));
    }
    return found;
  };
  const auto all = images(sampling(0, "rest", false), 5);
  const auto held = images(sampling(20, "held", false), 2);
  const auto rest = images(sampling(20, "rest", true), 3);
  std::multiset<Image> both = held;
  both.insert(rest.begin(), rest.end());
  CHECK(both == all);
  const auto copied = images(sampling(20, "rest", true, copies), 6);
  CHECK(std::set<Image>(copied.begin(), copied.end()) == std::set<Image>(rest.begin(), rest.end()));
}

TEST_CASE("augmented copies stay clean where nothing is to change, and move where it is") {
  const std::array<int, 3> shape{1, 5, 5};
  std::vector<std::uint8_t> image(25);
  image[12] = 200;
  std::vector<std::uint8_t> copy(25);
  Random random(1);
  augment({1, 1.0, 2, 30, 0.2}, shape, image.data(), random, copy.data());
  CHECK(copy == image);
  augment({1, 0.0, 0, 0, 0}, shape, image.data(), random, copy.data());
  CHECK(copy == image);
  augment({1, 0.0, 1, 8, 0.08}, shape, image.data(), random, copy.data());
  CHECK(copy != image);
  CHECK(std::accumulate(copy.begin(), copy.end(), 0) > 100);
  CHECK_THROWS_AS(parse_augmentation({{"copies", 0}, {"cleanShare", 0}, {"shift", 0}, {"rotate", 0}, {"scale", 0}}), Error);

  const SessionFixture fixture("recipe_copies");
  const std::string source = json::parse(fixture.options(1).train)["layers"][0]["params"]["source"];
  const json change = {{"copies", 3}, {"cleanShare", 0.25}, {"shift", 1.0}, {"rotate", 8.0}, {"scale", 0.08}};
  const auto read = [&] {
    const auto from = open_data_source(data_params(source, sampling(0, "rest", true, change)), true, 1);
    CHECK(from->entries() == 150);
    std::vector<float> data(160);
    from->next(data.data(), nullptr);
    return data;
  };
  CHECK(read() == read());
}

TEST_CASE("a net that is its own teacher learns nothing from it; labels and teacher mix by weight") {
  const SessionFixture fixture("recipe_teacher");
  SessionOptions options = fixture.options(1);
  const std::string source = json::parse(options.train)["layers"][0]["params"]["source"];
  json part = sampling(0, "rest", true);
  json train = sampled_graph(source, part);
  json test = json::parse(options.test);
  for (json* net : {&train, &test}) (*net)["layers"][0]["params"]["transform"]["mirror"] = false;
  options.train = train.dump();
  options.test = test.dump();
  Session session(options, make_test_backend(options.threads));
  session.fill_parameters();
  session.set_weight_decay(0);
  CHECK_THROWS_AS(session.set_distillation(0.5, 2), Error);
  session.compute_teacher();
  session.set_distillation(1, 2);
  const auto before = session.get_parameter(0, ParameterPart::kValue);
  session.train(3, {}, kNever);
  const auto after = session.get_parameter(0, ParameterPart::kValue);
  for (std::size_t i = 0; i < before.size(); ++i) CHECK(after[i] == doctest::Approx(before[i]).epsilon(1e-4));
  session.set_distillation(0, 1);
  session.train(3, {}, kNever);
  CHECK(session.get_parameter(0, ParameterPart::kValue) != after);
  const auto plain = fixture.open(1);
  CHECK_THROWS_AS(plain->compute_teacher(), Error);
}
