// Nets worked out as a whole over their kept weights against the same nets layer by layer.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "test/chain_fixtures.h"

namespace olmp {
namespace {

using test::ChainGraph;
using test::ChainNet;
using test::json;

constexpr int kBatch = 37;  // no whole number of vectors

struct Case {
  std::string name;
  json graph;
};

std::vector<Case> chains(const char* phase = "TRAIN") {
  const Shape images{kBatch, 3, 12, 10};
  std::vector<Case> cases;
  const auto add = [&](const std::string& name, ChainGraph& chain) { cases.push_back({name, chain.build(phase)}); };
  ChainGraph lenet(images);
  lenet.convolution(6, 5).pooling("MAX", 2, 2).convolution(8, 3).relu().inner_product(20).relu().inner_product(10);
  add("convolutions and inner products", lenet);
  ChainGraph flat(images);
  flat.inner_product(40).relu().inner_product(25, true).relu(false, 0.1).inner_product(10, false, false);
  add("inner products, transposed and without bias", flat);
  ChainGraph padded(images);
  padded.convolution(6, 3, 1, 1).pooling("MAX", 2, 2).relu().convolution(6, 3, 2, 2, 2, 3, false).relu(false).inner_product(10);
  add("padding, dilation, stride, groups", padded);
  ChainGraph pools(images);
  pools.convolution(5, 3, 1, 1).relu().pooling("MAX", 3, 2).convolution(6, 2).pooling("AVE", 3, 2, 1).flatten().inner_product(10);
  add("pooling of several kinds, flattened", pools);
  ChainGraph first(images);
  first.pooling("AVE", 2, 2).convolution(8, 3, 1, 1).pooling("MAX", 2, 1, 1).inner_product(10);
  add("pooling first", first);
  return cases;
}

void check_close(const std::vector<double>& got, const std::vector<double>& wanted) {
  REQUIRE(got.size() == wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == doctest::Approx(wanted[i]).epsilon(1e-5));
}

void check_close(const std::vector<float>& got, const std::vector<float>& wanted) {
  REQUIRE(got.size() == wanted.size());
  float largest = 0;
  for (const float value : wanted) largest = std::max(largest, std::abs(value));
  REQUIRE(largest > 0);
  for (std::size_t i = 0; i < got.size(); ++i) {
    CHECK(std::abs(got[i] - wanted[i]) <= 1e-5F * std::max(largest, 1.0F));
  }
}

// Outputs and gradients of one pass: fused, and layer by layer.
void compare(ChainNet& chain, bool frozen = true) {
  Net& net = *chain.net;
  chain.masks.freeze(frozen);
  chain.clear_gradients();
  const double loss = net.forward(false);
  CHECK(!net.fused_pass());
  net.backward();
  const std::vector<float> gradients = chain.gradients();
  const std::vector<double> outputs = chain.outputs();
  chain.clear_gradients();
  CHECK(net.forward(false, false) == doctest::Approx(loss).epsilon(1e-5));
  REQUIRE(net.fused_pass());
  check_close(chain.outputs(), outputs);
  net.backward();
  check_close(chain.gradients(), gradients);
  if (!frozen) return;
  net.backward();  // gradients are added to
  std::vector<float> doubled = gradients;
  for (float& value : doubled) value *= 2;
  check_close(chain.gradients(), doubled);
}

}  // namespace

TEST_CASE("a chain of layers at once gives the outputs and gradients of its layers") {
  for (const Case& one : chains()) {
    for (const int threads : {1, 3}) {
      CAPTURE(one.name);
      CAPTURE(threads);
      ChainNet chain(one.graph, 10, threads, 0.1);
      compare(chain);
    }
  }
}

TEST_CASE("masks that may change: the gradients of all weights, those of pruned ones too") {
  for (const Case& one : chains()) {
    if (one.name.find("transposed") != std::string::npos) continue;
    for (const int threads : {1, 3}) {
      for (const double density : {0.1, 0.03}) {  // few enough that whole units are heard by none, or hear nothing
        for (const std::uint64_t seed : {5U, 6U, 7U}) {
          CAPTURE(one.name);
          CAPTURE(threads);
          CAPTURE(density);
          ChainNet chain(one.graph, 10, threads, density, true, seed);
          compare(chain, false);
          // Another mask, other units; and gradients on top of others, as with iter_size.
          Parameter& last = *chain.parameters.all().back();
          Parameter& weights = *chain.parameters.find(last.layer, 0);
          std::vector<float> mask(static_cast<std::size_t>(weights.tensor.count()));
          for (float& value : mask) value = chain.random.uniform() < 0.1 ? 1.0F : 0.0F;
          chain.masks.set_mask(weights, mask.data());
          compare(chain, false);
          const auto twice = [&](bool fused) {
            chain.clear_gradients();
            for (int pass = 0; pass < 2; ++pass) {
              chain.net->forward(false, !fused);
              chain.net->backward();
            }
            CHECK(chain.net->fused_pass() == fused);
            return chain.gradients();
          };
          const std::vector<float> expected = twice(false);
          check_close(twice(true), expected);
        }
      }
    }
  }
}

TEST_CASE("labels that are ignored, normalisations, several accuracies") {
  ChainGraph graph({kBatch, 30});
  graph.inner_product(20).relu().inner_product(10);
  for (const char* normalization : {"VALID", "FULL", "BATCH_SIZE", "NONE"}) {
    CAPTURE(normalization);
    ChainNet chain(graph.build("TRAIN", 3, normalization, {1, 2, 5}), 10, 2, 0.1);
    compare(chain);
  }
}

TEST_CASE("a teacher") {
  ChainGraph graph({kBatch, 30});
  graph.inner_product(20).relu().inner_product(10);
  ChainNet chain(graph.build(), 10, 2, 0.1);
  Teacher teacher;
  teacher.weight = 0.4F;
  teacher.temperature = 3;
  for (int i = 0; i < kBatch * 10; ++i) teacher.logits.push_back(chain.random.uniform(-4, 4));
  for (const auto& layer : chain.net->layers()) {
    if (layer->name() == "loss") REQUIRE(layer->learn_from(teacher));
  }
  chain.net->fused()->learn_from(teacher);
  compare(chain);
}

TEST_CASE("squares of each image's gradient, labels drawn alike") {
  for (const Case& one : chains()) {
    for (const int threads : {1, 2}) {
      CAPTURE(one.name);
      ChainNet chain(one.graph, 10, threads, 0.1);
      chain.masks.freeze(true);
      Net& net = *chain.net;
      const auto sums_of = [&](std::vector<std::vector<float>>& sums) {
        sums.clear();
        for (const auto& parameter : chain.parameters.all()) {
          sums.emplace_back(static_cast<std::size_t>(parameter->tensor.count()));
        }
        return [&](const Parameter& parameter) -> float* {
          for (std::size_t i = 0; i < sums.size(); ++i) {
            if (chain.parameters.all()[i].get() == &parameter) return sums[i].data();
          }
          return nullptr;
        };
      };
      std::vector<std::vector<float>> fused;
      Random random(9);
      net.forward(false, false);
      REQUIRE(net.fused_pass());
      net.fused()->add_squared_gradients(random, sums_of(fused));

      // Layer by layer: the same draws from the softmax of the logits.
      net.forward(false);
      const auto logits = std::find_if(one.graph["layers"].begin(), one.graph["layers"].end(),
                                       [](const json& layer) { return layer["name"] == "loss"; });
      const Tensor& z = *net.blob((*logits)["bottoms"][0].get<std::string>());
      Tensor& labels = *net.blob("label");
      Random again(9);
      for (int i = 0; i < kBatch; ++i) {
        double sum = 0;
        for (int c = 0; c < 10; ++c) sum += std::exp(z.data[i * 10 + c]);
        double left = again.uniform();
        int label = 0;
        for (; label < 9; ++label) {
          left -= std::exp(z.data[i * 10 + label]) / sum;
          if (left < 0) break;
        }
        labels.data[i] = static_cast<float>(label);
      }
      std::vector<std::vector<float>> wanted;
      net.forward(false);
      chain.clear_gradients();
      net.backward();
      const auto to = sums_of(wanted);
      for (const auto& layer : net.layers()) layer->add_squared_gradients(to);
      for (std::size_t p = 0; p < wanted.size(); ++p) {
        const Parameter& parameter = *chain.parameters.all()[p];
        for (std::size_t k = 0; k < wanted[p].size(); ++k) {
          if (parameter.mask[k] != 0) CHECK(fused[p][k] == doctest::Approx(wanted[p][k]).epsilon(1e-3).scale(1e-5));
        }
      }
    }
  }
}

TEST_CASE("a net in testing needs no frozen masks, and lets dropout be") {
  for (Case& one : chains("TEST")) {
    CAPTURE(one.name);
    ChainNet chain(one.graph, 10, 2, 0.1, false);
    const double loss = chain.net->forward(false);
    const std::vector<double> outputs = chain.outputs();
    CHECK(chain.net->forward(false, false) == doctest::Approx(loss).epsilon(1e-5));
    CHECK(chain.net->fused_pass());
    check_close(chain.outputs(), outputs);
  }
  ChainGraph dropping({kBatch, 30});
  ChainNet testing(ChainGraph(dropping).inner_product(20).dropout().inner_product(10).build("TEST"), 10, 1, 0.1, false);
  testing.net->forward(false, false);
  CHECK(testing.net->fused_pass());
  ChainNet training(ChainGraph(dropping).inner_product(20).dropout().inner_product(10).build(), 10, 1, 0.1);
  CHECK(training.net->fused() == nullptr);
}

TEST_CASE("what decides is the masks alone") {
  ChainGraph graph({kBatch, 30});
  graph.inner_product(20).relu().inner_product(10);
  ChainNet chain(graph.build(), 10, 1, 0.1);
  Net& net = *chain.net;
  for (const bool frozen : {false, true}) {
    chain.masks.freeze(frozen);
    net.forward(false, false);
    CHECK(net.fused_pass());
  }
  CHECK(!net.blob("InnerProduct2")->kept);
  CHECK(net.blob("loss")->kept);
  CHECK(net.blob("data")->kept);
  net.forward(false);
  CHECK(net.blob("InnerProduct2")->kept);
  ChainNet dense(graph.build(), 10, 1, 0.6);
  dense.masks.freeze(true);
  dense.net->forward(false, false);
  CHECK(!dense.net->fused_pass());
  // The gradients of all of a transposed product's weights are its layer's to compute.
  ChainGraph transposed({kBatch, 30});
  transposed.inner_product(20, true).relu().inner_product(10);
  ChainNet turned(transposed.build(), 10, 1, 0.1);
  turned.net->forward(false, false);
  CHECK(!turned.net->fused_pass());
}

TEST_CASE("values, masks and labels that change between passes are seen") {
  ChainGraph graph({kBatch, 30});
  graph.inner_product(20).relu().inner_product(10);
  ChainNet chain(graph.build(), 10, 1, 0.1);
  compare(chain);
  for (const auto& parameter : chain.parameters.all()) {
    for (std::int64_t k = 0; k < parameter->tensor.count(); ++k) parameter->tensor.data[k] *= -1.5F;
    chain.masks.values_changed(*parameter);
  }
  compare(chain);
  Parameter& first = *chain.parameters.all()[0];
  std::vector<float> mask(static_cast<std::size_t>(first.tensor.count()));
  for (std::size_t k = 0; k < mask.size(); k += 9) mask[k] = 1;
  chain.masks.set_mask(first, mask.data());
  compare(chain);
  chain.net->blob("label")->data[3] = 11;
  CHECK(test::error_code([&] { chain.net->forward(false, false); }) == "bad-label");
}

TEST_CASE("a loss that is no number is told as one") {
  ChainGraph graph({kBatch, 30});
  graph.inner_product(20).relu().inner_product(10);
  ChainNet chain(graph.build(), 10, 1, 0.1);
  chain.masks.freeze(true);
  chain.net->blob("data")->data[0] = std::numeric_limits<float>::quiet_NaN();
  Parameter& first = *chain.parameters.all()[0];
  std::vector<float> mask(static_cast<std::size_t>(first.tensor.count()));
  mask[0] = mask[31] = 1;
  chain.masks.set_mask(first, mask.data());
  chain.masks.freeze(true);
  Parameter& second = *chain.parameters.all()[2];
  std::vector<float> readers(static_cast<std::size_t>(second.tensor.count()));
  readers[0] = readers[1] = 1;
  chain.masks.set_mask(second, readers.data());
  chain.masks.freeze(true);
  const double loss = chain.net->forward(false, false);
  REQUIRE(chain.net->fused_pass());
  CHECK(std::isnan(loss));
}

TEST_CASE("nets that are no chains, or have other layers, are left to their layers") {
  const auto fused = [](ChainGraph& graph) {
    ChainNet chain(graph.build(), 10, 1, 0.1);
    return chain.net->fused() != nullptr;
  };
  ChainGraph sigmoid({4, 30});
  CHECK(!fused(sigmoid.inner_product(20).other("Sigmoid", json::object()).inner_product(10)));
  ChainGraph stochastic({4, 2, 8, 8});
  CHECK(!fused(stochastic.convolution(3, 3).pooling("STOCHASTIC", 2, 2).inner_product(10)));
  ChainGraph negative({4, 30});
  CHECK(!fused(negative.inner_product(20).relu(true, -0.5).inner_product(10)));
  ChainGraph good({4, 30});
  CHECK(fused(good.inner_product(20).relu(true, 0.5).inner_product(10)));
}

}  // namespace olmp
