#include "cpu/squared_gradients.h"

#include <algorithm>
#include <vector>

#include "cpu/gemm.h"
#include "cpu/parallel.h"

namespace olmp {
namespace {

// Below this share of kept weights their places one by one are faster than all of them as a product.
constexpr double kFewKept = 0.1;

// Empty where all places are to be taken.
std::vector<std::int64_t> few_kept(const Parameter& weights) {
  std::vector<std::int64_t> places;
  if (weights.mask == nullptr) return places;
  const std::int64_t n = weights.tensor.count();
  if (static_cast<double>(weights.kept) >= kFewKept * static_cast<double>(n)) return places;
  places.reserve(static_cast<std::size_t>(weights.kept));
  for (std::int64_t i = 0; i < n; ++i) {
    if (weights.mask[i] != 0.0F) places.push_back(i);
  }
  return places;
}

bool none_kept(const Parameter& weights) { return weights.mask != nullptr && weights.kept == 0; }

// (columns, rows) of the squares of (rows, columns).
std::vector<float> transposed_squares(const float* from, std::int64_t rows, std::int64_t columns, int threads) {
  std::vector<float> to(static_cast<std::size_t>(rows * columns));
  parallel_for(threads, columns, 64, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t c = first; c < last; ++c) {
        const float value = from[row * columns + c];
        to[static_cast<std::size_t>(c * rows + row)] = value * value;
      }
    }
  });
  return to;
}

float dot(const float* a, const float* b, std::int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

void add_squared_gradients(const float* x, const float* dy, std::int64_t rows, std::int64_t inputs, std::int64_t outputs,
                           bool transposed, const Parameter& weights, int threads, float* sums) {
  if (none_kept(weights)) return;
  const std::vector<float> x2 = transposed_squares(x, rows, inputs, threads);
  const std::vector<float> dy2 = transposed_squares(dy, rows, outputs, threads);
  const std::vector<std::int64_t> places = few_kept(weights);
  if (places.empty()) {
    const float* a = transposed ? x2.data() : dy2.data();
    const float* b = transposed ? dy2.data() : x2.data();
    const std::int64_t m = transposed ? inputs : outputs;
    const std::int64_t n = transposed ? outputs : inputs;
    gemm(Transpose::kNo, Transpose::kYes, m, n, rows, 1, a, rows, b, rows, 1, sums, n);
    return;
  }
  const std::int64_t width = transposed ? outputs : inputs;
  parallel_for(threads, static_cast<std::int64_t>(places.size()), 256, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t k = first; k < last; ++k) {
      const std::int64_t place = places[static_cast<std::size_t>(k)];
      const std::int64_t output = transposed ? place % width : place / width;
      const std::int64_t input = transposed ? place / width : place % width;
      sums[place] += dot(dy2.data() + output * rows, x2.data() + input * rows, rows);
    }
  });
}

void add_squared_bias_gradients(const float* dy, std::int64_t images, std::int64_t outputs, std::int64_t points,
                                float* sums) {
  for (std::int64_t image = 0; image < images; ++image) {
    for (std::int64_t output = 0; output < outputs; ++output) {
      const float* values = dy + (image * outputs + output) * points;
      float sum = 0;
      for (std::int64_t p = 0; p < points; ++p) sum += values[p];
      sums[output] += sum * sum;
    }
  }
}

void add_squared_gradients(const ConvolutionGeometry& g, const float* x, const float* dy, const Parameter& weights,
                           int threads, float* sums) {
  if (none_kept(weights)) return;
  const std::vector<std::int64_t> places = few_kept(weights);
  const std::int64_t points = g.output_points();
  const std::int64_t width = g.rows() / g.group;  // of a row of the weights
  const std::int64_t group_outputs = g.outputs / g.group;
  const std::int64_t n = places.empty() ? g.outputs * width : static_cast<std::int64_t>(places.size());
  const std::int64_t workers = std::min<std::int64_t>(threads, g.images);
  // Each worker sums its images apart; added in worker order, so that the sums repeat bit for bit.
  std::vector<std::vector<float>> partial(static_cast<std::size_t>(workers),
                                          std::vector<float>(static_cast<std::size_t>(n)));
  parallel_for(static_cast<int>(workers), workers, 1, [&](std::int64_t first, std::int64_t last) {
    std::vector<float> columns(static_cast<std::size_t>(g.columns_count()));
    std::vector<float> gradient(places.empty() ? static_cast<std::size_t>(group_outputs * width) : 0);
    for (std::int64_t worker = first; worker < last; ++worker) {
      float* own = partial[static_cast<std::size_t>(worker)].data();
      for (std::int64_t image = g.images * worker / workers; image < g.images * (worker + 1) / workers; ++image) {
        image_to_columns(g, x + image * g.input_count(), columns.data());
        const float* gradients_out = dy + image * g.output_count();
        if (!places.empty()) {
          for (std::int64_t k = 0; k < n; ++k) {
            const std::int64_t output = places[static_cast<std::size_t>(k)] / width;
            const std::int64_t row = output / group_outputs * width + places[static_cast<std::size_t>(k)] % width;
            const float value = dot(gradients_out + output * points, columns.data() + row * points, points);
            own[k] += value * value;
          }
          continue;
        }
        for (std::int64_t group = 0; group < g.group; ++group) {
          gemm(Transpose::kNo, Transpose::kYes, group_outputs, width, points, 1,
               gradients_out + group * group_outputs * points, points, columns.data() + group * width * points, points, 0,
               gradient.data(), width);
          float* to = own + group * group_outputs * width;
          for (std::int64_t i = 0; i < group_outputs * width; ++i) {
            to[i] += gradient[static_cast<std::size_t>(i)] * gradient[static_cast<std::size_t>(i)];
          }
        }
      }
    }
  });
  for (const std::vector<float>& own : partial) {
    for (std::int64_t k = 0; k < n; ++k) {
      sums[places.empty() ? k : places[static_cast<std::size_t>(k)]] += own[static_cast<std::size_t>(k)];
    }
  }
}

}  // namespace olmp
