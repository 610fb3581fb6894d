// The convolution algorithms against a convolution written out as its definition, in double.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "cpu/convolution_algorithm.h"
#include "cpu/isa.h"
#include "cpu/kernels/kernels.h"
#include "engine/random.h"

namespace olmp {
namespace {

struct Problem {
  std::string name;
  ConvolutionGeometry geometry;
};

ConvolutionGeometry geometry(int images, int channels, int outputs, int group, std::vector<int> input,
                             std::vector<int> kernel, std::vector<int> stride, std::vector<int> pad,
                             std::vector<int> dilation) {
  ConvolutionGeometry g;
  g.images = images;
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

std::vector<Problem> problems() {
  std::vector<Problem> list;
  for (const int images : {1, 8, 16, 17, 40, 64, 70}) {
    const std::string name = std::to_string(images) + " images, ";
    list.push_back({name + "5x5", geometry(images, 1, 20, 1, {12, 12}, {5, 5}, {1, 1}, {0, 0}, {1, 1})});
    list.push_back({name + "many channels", geometry(images, 7, 26, 1, {6, 5}, {3, 3}, {1, 1}, {1, 1}, {1, 1})});
    list.push_back({name + "groups and strides", geometry(images, 6, 8, 2, {9, 8}, {3, 2}, {2, 3}, {1, 0}, {1, 1})});
    list.push_back({name + "dilation", geometry(images, 3, 5, 1, {9, 10}, {3, 3}, {1, 2}, {2, 1}, {2, 2})});
    list.push_back({name + "1x1 by 2", geometry(images, 5, 13, 1, {5, 5}, {1, 1}, {2, 2}, {0, 0}, {1, 1})});
    list.push_back({name + "five wide", geometry(images, 9, 11, 1, {10, 9}, {3, 5}, {2, 1}, {1, 2}, {1, 1})});
    list.push_back({name + "five wide, groups", geometry(images, 16, 18, 2, {11, 8}, {2, 5}, {1, 1}, {0, 1}, {3, 1})});
    list.push_back({name + "16 to 32", geometry(images, 16, 32, 1, {6, 6}, {3, 3}, {1, 1}, {1, 1}, {1, 1})});
  }
  return list;
}

std::vector<float> random_values(std::int64_t n, Random& random) {
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& value : values) value = random.uniform(-1, 1);
  return values;
}

// Visits every product of a convolution: body(index in x, in w, in y).
template <typename Body>
void for_each_product(const ConvolutionGeometry& g, const Body& body) {
  const int channels = g.channels / g.group;
  const int outputs = g.outputs / g.group;
  for (std::int64_t n = 0; n < g.images; ++n) {
    for (int o = 0; o < g.outputs; ++o) {
      for (int y = 0; y < g.output[0]; ++y) {
        for (int x = 0; x < g.output[1]; ++x) {
          for (int c = 0; c < channels; ++c) {
            for (int ky = 0; ky < g.kernel[0]; ++ky) {
              for (int kx = 0; kx < g.kernel[1]; ++kx) {
                const int iy = y * g.stride[0] - g.pad[0] + ky * g.dilation[0];
                const int ix = x * g.stride[1] - g.pad[1] + kx * g.dilation[1];
                if (iy < 0 || iy >= g.input[0] || ix < 0 || ix >= g.input[1]) continue;
                const int channel = o / outputs * channels + c;
                body(static_cast<std::size_t>(((n * g.channels + channel) * g.input[0] + iy) * g.input[1] + ix),
                     static_cast<std::size_t>(((o * channels + c) * g.kernel[0] + ky) * g.kernel[1] + kx),
                     static_cast<std::size_t>(((n * g.outputs + o) * g.output[0] + y) * g.output[1] + x));
              }
            }
          }
        }
      }
    }
  }
}

void compare(const std::string& what, const std::vector<float>& actual, const std::vector<double>& expected) {
  double largest = 1;
  double worst = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::fabs(expected[i]));
    const double error = std::fabs(expected[i] - actual[i]);
    worst = error <= worst ? worst : (std::isnan(error) ? INFINITY : error);
  }
  const bool close = worst <= 1e-5 * largest;
  CHECK_MESSAGE(close, what, " differs by ", worst, " where the largest is ", largest);
}

void check(const ConvolutionGeometry& g, ConvolutionAlgorithm& algorithm) {
  Random random(5);
  const std::int64_t weight_count = g.outputs * g.rows() / g.group;
  const std::vector<float> x = random_values(g.images * g.input_count(), random);
  const std::vector<float> w = random_values(weight_count, random);
  const std::vector<float> b = random_values(g.outputs, random);
  const std::vector<float> dy = random_values(g.images * g.output_count(), random);
  std::vector<double> y(dy.size());
  std::vector<double> dx(x.size());
  std::vector<double> dw(w.size());
  std::vector<double> db(b.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    const auto output = i / static_cast<std::size_t>(g.output_points()) % b.size();
    y[i] = b[output];
    db[output] += dy[i];
  }
  for_each_product(g, [&](std::size_t in, std::size_t weight, std::size_t out) {
    y[out] += static_cast<double>(x[in]) * w[weight];
    dx[in] += static_cast<double>(dy[out]) * w[weight];
    dw[weight] += static_cast<double>(dy[out]) * x[in];
  });

  for (int pass = 0; pass < 2; ++pass) {  // twice: buffers must not carry anything over
    std::vector<float> made(y.size(), NAN);
    algorithm.forward(x.data(), w.data(), b.data(), made.data());
    compare("y", made, y);
    std::vector<float> weights(w.size(), NAN);
    std::vector<float> bias(b.size(), 0);
    std::vector<float> data(x.size(), NAN);
    algorithm.backward(x.data(), dy.data(), w.data(), {weights.data(), 0, bias.data(), data.data()});
    compare("weight gradient", weights, dw);
    compare("bias gradient", bias, db);
    compare("data gradient", data, dx);
    algorithm.backward(x.data(), dy.data(), w.data(), {weights.data(), 1, nullptr, nullptr});
    std::vector<double> doubled = dw;
    for (double& value : doubled) value *= 2;
    compare("accumulated weight gradient", weights, doubled);
  }
}

}  // namespace

TEST_CASE("every algorithm computes the convolution") {
  INFO("instructions: ", cpu_isa_name(cpu_isa()));
  int batch = 0;
  int primitives = 0;
  for (const Problem& problem : problems()) {
    CAPTURE(problem.name);
    for (const int threads : {1, 2, 3}) {
      CAPTURE(threads);
      const auto columns = make_column_convolution(problem.geometry, threads, "l");
      check(problem.geometry, *columns);
      if (const auto own = make_batch_convolution(problem.geometry, threads, "l")) {
        ++batch;
        check(problem.geometry, *own);
      }
      if (const auto primitive = make_primitive_convolution(problem.geometry, threads, "l")) {
        ++primitives;
        check(problem.geometry, *primitive);
      }
    }
  }
  CHECK(batch > 0);
  CHECK(primitives > 0);
}

TEST_CASE("Winograd's transformations compute the convolution, with groups and ragged tiles") {
  const ConvolutionGeometry whole = geometry(9, 32, 48, 1, {13, 11}, {3, 3}, {1, 1}, {1, 1}, {1, 1});
  const ConvolutionGeometry grouped = geometry(9, 64, 96, 2, {9, 13}, {3, 3}, {1, 1}, {0, 1}, {1, 1});
  for (const ConvolutionGeometry& g : {whole, grouped}) {
    for (const int threads : {1, 2}) {
      CAPTURE(g.group);
      CAPTURE(threads);
      const auto primitive = make_primitive_convolution(g, threads, "l");
      REQUIRE(primitive != nullptr);
      check(g, *primitive);
    }
  }
}

TEST_CASE("maxima taken along are those of the whole convolution, and so are their gradients") {
  const ConvolutionGeometry plain = geometry(21, 1, 20, 1, {12, 12}, {5, 5}, {1, 1}, {0, 0}, {1, 1});
  const ConvolutionGeometry grouped = geometry(70, 6, 26, 2, {8, 12}, {3, 3}, {1, 1}, {1, 0}, {1, 1});
  const ConvolutionGeometry strided = geometry(35, 3, 7, 1, {9, 9}, {3, 3}, {2, 2}, {0, 0}, {1, 1});
  const ConvolutionGeometry odd = geometry(35, 3, 7, 1, {9, 9}, {3, 3}, {1, 1}, {0, 0}, {1, 1});
  CHECK_FALSE(make_batch_convolution(odd, 1, "l")->take_maxima(true));
  const ConvolutionGeometry five_wide = geometry(40, 16, 20, 2, {8, 12}, {5, 5}, {1, 1}, {0, 0}, {1, 1});
  for (const ConvolutionGeometry& g : {plain, grouped, strided, five_wide}) {
    Random random(7);
    const std::vector<float> x = random_values(g.images * g.input_count(), random);
    const std::vector<float> w = random_values(g.outputs * g.rows() / g.group, random);
    const std::vector<float> b = random_values(g.outputs, random);
    const std::vector<float> dmaxima = random_values(g.images * g.output_count() / 4, random);
    const auto whole = make_batch_convolution(g, 1, "l");
    std::vector<float> y(static_cast<std::size_t>(g.images * g.output_count()));
    whole->forward(x.data(), w.data(), b.data(), y.data());
    std::vector<float> maxima(dmaxima.size());
    std::vector<float> dy(y.size());
    const std::int64_t points = g.output_points();
    std::vector<std::int32_t> chosen(static_cast<std::size_t>(points / 4));
    for (std::int64_t plane = 0; plane < g.images * g.outputs; ++plane) {
      cpu_kernels().max_pool_2x2(y.data() + plane * points, g.output[0], g.output[1],
                                 maxima.data() + plane * points / 4, chosen.data());
      for (std::size_t i = 0; i < chosen.size(); ++i) {
        dy[static_cast<std::size_t>(plane * points + chosen[i])] =
            dmaxima[static_cast<std::size_t>(plane * points / 4) + i];
      }
    }
    const auto gradients = [&](ConvolutionAlgorithm& algorithm, const std::vector<float>& dtop, std::vector<float>& dw,
                               std::vector<float>& db, std::vector<float>& dx) {
      dw.assign(w.size(), NAN);
      db.assign(b.size(), 0);
      dx.assign(x.size(), NAN);
      algorithm.backward(x.data(), dtop.data(), w.data(), {dw.data(), 0, db.data(), dx.data()});
    };
    std::vector<float> dw, db, dx;
    gradients(*whole, dy, dw, db, dx);
    for (const int threads : {1, 2}) {
      CAPTURE(threads);
      const auto algorithm = make_batch_convolution(g, threads, "l");
      std::vector<float> made(y.size(), NAN);
      algorithm->forward(x.data(), w.data(), b.data(), made.data());  // back and forth
      REQUIRE(algorithm->take_maxima(true));
      made.assign(maxima.size(), NAN);
      algorithm->forward(x.data(), w.data(), b.data(), made.data());
      CHECK(made == maxima);
      std::vector<float> made_dw, made_db, made_dx;
      gradients(*algorithm, dmaxima, made_dw, made_db, made_dx);
      CHECK(made_dx == dx);
      compare("weight gradient", made_dw, {dw.begin(), dw.end()});
      compare("bias gradient", made_db, {db.begin(), db.end()});
      CHECK_FALSE(algorithm->take_maxima(false));
      gradients(*algorithm, dy, made_dw, made_db, made_dx);
      CHECK(made_dx == dx);
      compare("weight gradient", made_dw, {dw.begin(), dw.end()});
    }
  }
}

TEST_CASE("the same threads give the same bits") {
  const ConvolutionGeometry g = geometry(64, 7, 26, 1, {8, 8}, {3, 3}, {1, 1}, {0, 0}, {1, 1});
  const auto algorithm = make_batch_convolution(g, 2, "l");
  REQUIRE(algorithm != nullptr);
  Random random(9);
  const std::vector<float> x = random_values(g.images * g.input_count(), random);
  const std::vector<float> dy = random_values(g.images * g.output_count(), random);
  std::vector<float> first(static_cast<std::size_t>(g.outputs * g.rows()));
  std::vector<float> second = first;
  algorithm->backward(x.data(), dy.data(), nullptr, {first.data(), 0, nullptr, nullptr});
  algorithm->backward(x.data(), dy.data(), nullptr, {second.data(), 0, nullptr, nullptr});
  CHECK(first == second);
}

}  // namespace olmp
