// The sparse kernels of every instruction set against products written out as their definition, in double.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <cfloat>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "cpu/isa.h"
#include "cpu/sparse_layer.h"
#include "engine/random.h"

namespace olmp {
namespace {

std::vector<const SparseKernels*> kernel_tables() {
  std::vector<const SparseKernels*> tables{&avx2::sparse_kernels()};
  if (cpu_isa() == CpuIsa::kAvx512) tables.push_back(&avx512::sparse_kernels());
  return tables;
}

std::vector<float> random_values(std::int64_t n, Random& random) {
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& value : values) value = random.uniform(-1, 1);
  return values;
}

ConvolutionGeometry convolution(int channels, int outputs, int group, std::vector<int> input, std::vector<int> kernel,
                                std::vector<int> stride, std::vector<int> pad, std::vector<int> dilation) {
  ConvolutionGeometry g;
  g.channels = channels;
  g.outputs = outputs;
  g.group = group;
  g.input = std::move(input);
  g.kernel = std::move(kernel);
  g.stride = std::move(stride);
  g.pad = std::move(pad);
  g.dilation = std::move(dilation);
  for (std::size_t a = 0; a < 2; ++a) {
    g.output.push_back((g.input[a] + 2 * g.pad[a] - g.dilation[a] * (g.kernel[a] - 1) - 1) / g.stride[a] + 1);
  }
  return g;
}

struct Problem {
  std::string name;
  ConvolutionGeometry geometry;  // an inner product is a convolution of one point
  bool transposed = false;       // inner product with W (inputs, outputs)
};

std::vector<Problem> problems() {
  const std::vector<int> one{1, 1};
  const std::vector<int> none{0, 0};
  return {{"inner product", convolution(37, 13, 1, one, one, one, none, one), false},
          {"transposed inner product", convolution(37, 13, 1, one, one, one, none, one), true},
          {"5x5", convolution(3, 7, 1, {12, 12}, {5, 5}, one, none, one)},
          {"groups", convolution(6, 8, 2, {9, 8}, {3, 2}, one, none, one)},
          {"stride", convolution(2, 5, 1, {11, 13}, {3, 3}, {2, 3}, none, one)},
          {"padding and dilation", convolution(3, 5, 1, {9, 10}, {3, 3}, {1, 2}, {2, 1}, {2, 2})},
          {"1x1 by 2", convolution(5, 9, 1, {7, 7}, one, {2, 2}, none, one)}};
}

// What the kernels compute, from dense weights, in double and by index.
struct Reference {
  const Problem& problem;
  const ConvolutionGeometry& g = problem.geometry;
  int batch;

  std::int64_t padded(int axis) const { return g.input[static_cast<std::size_t>(axis)] + 2 * g.pad[static_cast<std::size_t>(axis)]; }
  std::int64_t x_points() const { return g.channels * padded(0) * padded(1); }
  std::int64_t y_points() const { return g.outputs * g.output_points(); }
  std::int64_t weights() const { return static_cast<std::int64_t>(g.outputs) * (g.channels / g.group) * g.kernel_points(); }

  // body(input point, position in W, output point) for every product of one image
  template <typename Body>
  void for_each(const Body& body) const {
    const int channels = g.channels / g.group;
    for (int o = 0; o < g.outputs; ++o) {
      for (int y = 0; y < g.output[0]; ++y) {
        for (int x = 0; x < g.output[1]; ++x) {
          for (int c = 0; c < channels; ++c) {
            for (int ky = 0; ky < g.kernel[0]; ++ky) {
              for (int kx = 0; kx < g.kernel[1]; ++kx) {
                const std::int64_t channel = o / (g.outputs / g.group) * channels + c;
                const std::int64_t row = y * g.stride[0] + ky * g.dilation[0];
                const std::int64_t column = x * g.stride[1] + kx * g.dilation[1];
                const std::int64_t position = problem.transposed
                                                  ? static_cast<std::int64_t>(c) * g.outputs + o
                                                  : ((static_cast<std::int64_t>(o) * channels + c) * g.kernel[0] + ky) * g.kernel[1] + kx;
                body((channel * padded(0) + row) * padded(1) + column, position,
                     (static_cast<std::int64_t>(o) * g.output[0] + y) * g.output[1] + x);
              }
            }
          }
        }
      }
    }
  }
};

SparseWeights list_of(const Problem& problem) {
  const ConvolutionGeometry& g = problem.geometry;
  if (g.input_points() > 1) return SparseWeights::convolution(g);
  return SparseWeights::inner_product(g.outputs, g.channels, problem.transposed);
}

std::vector<float> random_mask(std::int64_t n, float density, Random& random) {
  std::vector<float> mask(static_cast<std::size_t>(n));
  for (float& value : mask) value = random.uniform(0, 1) < density ? 1.0F : 0.0F;
  return mask;
}

double largest_difference(const std::vector<float>& a, const std::vector<double>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - b[i]);
    largest = std::isnan(difference) ? std::numeric_limits<double>::infinity() : std::max(largest, difference);
  }
  return largest;
}

std::size_t at(std::int64_t point, int batch, int image) { return static_cast<std::size_t>(point * batch + image); }

// The range cut in two, as two threads would.
std::vector<ImageRange> ranges(int batch) {
  const int middle = batch / 2 / 16 * 16;
  if (middle == 0) return {{batch, 0, batch}};
  return {{batch, 0, middle}, {batch, middle, batch}};
}

constexpr float kDensities[] = {0.0F, 0.02F, 0.1F, 0.5F, 1.0F};
constexpr int kBatches[] = {1, 5, 16, 37, 64, 100};
constexpr float kUnset = 7.0F;

TEST_CASE("products, input gradients and weight gradients equal their definition") {
  Random random(1);
  for (const Problem& problem : problems()) {
    for (const float density : kDensities) {
      for (const int batch : kBatches) {
        CAPTURE(problem.name);
        CAPTURE(density);
        CAPTURE(batch);
        const Reference reference{problem, problem.geometry, batch};
        const int outputs = problem.geometry.outputs;
        const std::int64_t points = problem.geometry.output_points();
        const auto x = random_values(reference.x_points() * batch, random);
        const auto dy = random_values(reference.y_points() * batch, random);
        const auto w = random_values(reference.weights(), random);
        const auto bias = random_values(outputs, random);
        const auto mask = random_mask(reference.weights(), density, random);
        std::vector<double> y(dy.size());
        std::vector<double> dx(x.size());
        std::vector<double> dw(w.size());
        std::vector<double> db(bias.size());
        for (std::int64_t point = 0; point < reference.y_points(); ++point) {
          for (int i = 0; i < batch; ++i) {
            y[at(point, batch, i)] = static_cast<double>(bias[static_cast<std::size_t>(point / points)]);
            db[static_cast<std::size_t>(point / points)] += static_cast<double>(dy[at(point, batch, i)]);
          }
        }
        reference.for_each([&](std::int64_t from, std::int64_t position, std::int64_t to) {
          const auto p = static_cast<std::size_t>(position);
          const double weight = mask[p] != 0 ? static_cast<double>(w[p]) : 0;
          for (int i = 0; i < batch; ++i) {
            const auto value = static_cast<double>(x[at(from, batch, i)]);
            const auto gradient = static_cast<double>(dy[at(to, batch, i)]);
            y[at(to, batch, i)] += weight * value;
            dx[at(from, batch, i)] += weight * gradient;
            dw[p] += value * gradient;
          }
        });

        std::vector<std::int32_t> all(static_cast<std::size_t>(outputs));
        std::iota(all.begin(), all.end(), 0);
        SparseWeights list = list_of(problem);
        list.select(mask.data());
        list.gather(w.data());
        std::vector<double> kept_dw;
        for (const std::int32_t position : list.positions()) kept_dw.push_back(dw[static_cast<std::size_t>(position)]);
        for (const SparseKernels* k : kernel_tables()) {
          std::vector<float> got_y(y.size(), kUnset);
          std::vector<float> got_dx(dx.size(), kUnset);
          std::vector<float> got_dw(kept_dw.size());
          std::vector<float> got_db(db.size());
          for (const ImageRange& images : ranges(batch)) {
            k->forward(list.product(), images, x.data(), bias.data(), got_y.data());
            k->backward_data(list.product(), images, dy.data(), nullptr, got_dx.data());
            std::vector<float> part_dw(kept_dw.size(), kUnset);
            std::vector<float> part_db(db.size(), kUnset);
            k->backward_weights(list.product(), images, x.data(), dy.data(), nullptr, part_dw.data());
            k->backward_bias(all.data(), outputs, points, images, dy.data(), part_db.data());
            for (std::size_t i = 0; i < part_dw.size(); ++i) got_dw[i] += part_dw[i];
            for (std::size_t i = 0; i < part_db.size(); ++i) got_db[i] += part_db[i];
          }
          CHECK(largest_difference(got_y, y) < 1e-4);
          CHECK(largest_difference(got_dx, dx) < 1e-4);
          CHECK(largest_difference(got_dw, kept_dw) < 1e-3);
          CHECK(largest_difference(got_db, db) < 1e-3);
        }
      }
    }
  }
}

TEST_CASE("a product with maxima equals the product followed by them") {
  Random random(2);
  const std::vector<Problem> pooled{{"5x5", convolution(3, 7, 1, {12, 12}, {5, 5}, {1, 1}, {0, 0}, {1, 1})},
                                    {"groups, stride, padding", convolution(4, 6, 2, {8, 12}, {3, 3}, {2, 1}, {1, 0}, {1, 2})}};
  for (const Problem& problem : pooled) {
    const ConvolutionGeometry& g = problem.geometry;
    REQUIRE(g.output[0] % 2 == 0);
    REQUIRE(g.output[1] % 2 == 0);
    for (const float density : kDensities) {
      for (const int batch : kBatches) {
        CAPTURE(problem.name);
        CAPTURE(density);
        CAPTURE(batch);
        const Reference reference{problem, g, batch};
        auto x = random_values(reference.x_points() * batch, random);
        x[0] = std::numeric_limits<float>::quiet_NaN();
        const auto w = random_values(reference.weights(), random);
        const auto mask = random_mask(reference.weights(), density, random);
        const std::int64_t pooled_points = reference.y_points() / 4;
        const auto dy = random_values(pooled_points * batch, random);
        SparseWeights list = list_of(problem);
        list.select(mask.data());
        list.gather(w.data());
        for (const SparseKernels* k : kernel_tables()) {
          std::vector<float> whole(static_cast<std::size_t>(reference.y_points() * batch));
          std::vector<float> spread(whole.size());
          std::vector<double> expected(dy.size());
          std::vector<float> y(dy.size(), kUnset);
          std::vector<std::int8_t> chosen(dy.size());
          std::vector<float> dx(x.size());
          std::vector<float> dw(static_cast<std::size_t>(list.kept()));
          std::vector<float> expected_dx(x.size());
          std::vector<float> expected_dw(dw.size());
          const ImageRange images{batch, 0, batch};
          for (const ImageRange& range : ranges(batch)) {
            k->forward_max(list.product(), range, x.data(), nullptr, y.data(), chosen.data());
          }
          k->forward(list.product(), images, x.data(), nullptr, whole.data());
          for (std::int64_t point = 0; point < pooled_points; ++point) {
            const std::int64_t columns = g.output[1] / 2;
            const std::int64_t corner = point / columns * 2 * g.output[1] + point % columns * 2;
            for (int i = 0; i < batch; ++i) {
              float maximum = -FLT_MAX;
              std::int64_t from = -1;
              for (const std::int64_t step : {0, 1, g.output[1], g.output[1] + 1}) {
                const float value = whole[at(corner + step, batch, i)];
                if (!(value > maximum)) continue;
                maximum = value;
                from = corner + step;
              }
              expected[at(point, batch, i)] = static_cast<double>(maximum);
              if (from >= 0) spread[at(from, batch, i)] = dy[at(point, batch, i)];
            }
          }
          CHECK(largest_difference(y, expected) == 0);
          x[0] = 0.5F;  // what the NaN was cannot be seen in gradients
          k->backward_data(list.product(), images, dy.data(), chosen.data(), dx.data());
          k->backward_data(list.product(), images, spread.data(), nullptr, expected_dx.data());
          k->backward_weights(list.product(), images, x.data(), dy.data(), chosen.data(), dw.data());
          k->backward_weights(list.product(), images, x.data(), spread.data(), nullptr, expected_dw.data());
          const std::vector<double> dx_reference(expected_dx.begin(), expected_dx.end());
          const std::vector<double> dw_reference(expected_dw.begin(), expected_dw.end());
          CHECK(largest_difference(dx, dx_reference) < 1e-4);
          CHECK(largest_difference(dw, dw_reference) < 1e-3);
          x[0] = std::numeric_limits<float>::quiet_NaN();
        }
      }
    }
  }
}

// A parameter with a mask, as a session would hold it; the diff starts at `kBefore` everywhere.
constexpr float kBefore = 0.25F;
struct MaskedParameter {
  MaskedParameter(std::vector<float> values, std::vector<float> mask_values)
      : data(std::move(values)), mask(std::move(mask_values)), diff(data.size(), kBefore) {
    parameter.tensor.shape = {static_cast<int>(data.size())};
    parameter.tensor.data = data.data();
    parameter.tensor.diff = diff.data();
    parameter.effective = data.data();  // the list takes kept values alone
    parameter.mask = mask.data();
    parameter.mask_version = 1;
    parameter.frozen = true;
    for (std::size_t i = 0; i < mask.size(); ++i) {
      if (mask[i] != 0) parameter.kept_places.push_back(static_cast<std::int32_t>(i));
    }
    parameter.kept = static_cast<std::int64_t>(parameter.kept_places.size());
  }

  std::vector<float> data;
  std::vector<float> mask;
  std::vector<float> diff;
  Parameter parameter;
};

std::unique_ptr<SparseLayer> layer_of(const Problem& problem, int batch, int threads) {
  ConvolutionGeometry g = problem.geometry;
  g.images = batch;
  if (g.input_points() > 1) return SparseLayer::convolution(g, threads, "layer");
  return SparseLayer::inner_product(g.outputs, g.channels, problem.transposed, batch, threads);
}

TEST_CASE("a sparse layer equals the definition, with padding and at any number of threads") {
  Random random(3);
  for (const Problem& problem : problems()) {
    for (const int batch : {5, 100}) {
      for (const int threads : {1, 2, 3}) {
        CAPTURE(problem.name);
        CAPTURE(batch);
        CAPTURE(threads);
        const ConvolutionGeometry& g = problem.geometry;
        const Reference reference{problem, g, batch};
        const std::int64_t points = g.output_points();
        const std::int64_t inputs = g.channels * g.input_points();
        MaskedParameter w(random_values(reference.weights(), random), random_mask(reference.weights(), 0.04F, random));
        MaskedParameter bias(random_values(g.outputs, random), random_mask(g.outputs, 0.5F, random));
        const auto x = random_values(inputs * batch, random);
        const auto dy = random_values(reference.y_points() * batch, random);
        std::vector<double> y(dy.size());
        std::vector<double> dx(x.size());
        std::vector<double> dw(w.data.size(), static_cast<double>(kBefore));
        std::vector<double> db(bias.data.size(), static_cast<double>(kBefore));
        for (std::int64_t point = 0; point < reference.y_points(); ++point) {
          const auto output = static_cast<std::size_t>(point / points);
          for (int i = 0; i < batch; ++i) {
            y[at(point, batch, i)] = static_cast<double>(bias.data[output]);
            if (bias.mask[output] != 0) db[output] += static_cast<double>(dy[at(point, batch, i)]);
          }
        }
        reference.for_each([&](std::int64_t from, std::int64_t position, std::int64_t to) {
          const std::int64_t row = from / reference.padded(1) % reference.padded(0) - g.pad[0];
          const std::int64_t column = from % reference.padded(1) - g.pad[1];
          const auto p = static_cast<std::size_t>(position);
          if (row < 0 || row >= g.input[0] || column < 0 || column >= g.input[1] || w.mask[p] == 0) return;
          const std::int64_t channel = from / (reference.padded(0) * reference.padded(1));
          const std::int64_t inside = (channel * g.input[0] + row) * g.input[1] + column;
          for (int i = 0; i < batch; ++i) {
            const auto value = static_cast<double>(x[at(inside, batch, i)]);
            const auto gradient = static_cast<double>(dy[at(to, batch, i)]);
            y[at(to, batch, i)] += static_cast<double>(w.data[p]) * value;
            dx[at(inside, batch, i)] += static_cast<double>(w.data[p]) * gradient;
            dw[p] += value * gradient;
          }
        });
        const auto layer = layer_of(problem, batch, threads);
        REQUIRE(layer->suits(w.parameter));
        std::vector<float> got_y(y.size(), kUnset);
        std::vector<float> got_dx(dx.size(), kUnset);
        for (int pass = 0; pass < 2; ++pass) {  // nothing is left over from one to the next
          layer->forward(x.data(), w.data.data(), bias.data.data(), got_y.data(), nullptr);
          layer->backward_data(dy.data(), nullptr, got_dx.data());
        }
        layer->backward_weights(x.data(), dy.data(), nullptr, w.parameter);
        layer->backward_bias(dy.data(), false, bias.parameter);
        CHECK(largest_difference(got_y, y) < 1e-4);
        CHECK(largest_difference(got_dx, dx) < 1e-4);
        CHECK(largest_difference(w.diff, dw) < 1e-3);
        CHECK(largest_difference(bias.diff, db) < 1e-3);
      }
    }
  }
}

TEST_CASE("whether a list is worth it goes by the mask; another mask makes another list") {
  const auto layer = SparseLayer::inner_product(4, 10, false, 3, 1);
  std::vector<float> mask(40);
  mask[7] = 1;
  MaskedParameter w(std::vector<float>(40, 2.0F), mask);
  CHECK(layer->suits(w.parameter));
  std::vector<float> x(30, 1.0F);
  std::vector<float> y(12);
  layer->forward(x.data(), w.data.data(), nullptr, y.data(), nullptr);
  CHECK(y[0] == 2.0F);
  CHECK(y[3] == 0.0F);
  w.mask[7] = 0;
  w.mask[12] = 1;
  ++w.parameter.mask_version;
  CHECK(layer->suits(w.parameter));
  layer->forward(x.data(), w.data.data(), nullptr, y.data(), nullptr);
  CHECK(y[0] == 0.0F);
  CHECK(y[3] == 2.0F);
  w.parameter.kept = 30;
  CHECK_FALSE(layer->suits(w.parameter));
  w.parameter.mask = nullptr;
  CHECK_FALSE(layer->suits(w.parameter));
}

}  // namespace
}  // namespace olmp
