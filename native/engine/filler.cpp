#include "engine/filler.h"

#include <cmath>

#include "engine/error.h"

namespace olmp {
namespace {

struct Fans {
  double in = 1;
  double out = 1;
};

// Caffe takes axis 0 as the outputs and axis 1 as the inputs whatever the layer means by them.
Fans fans(const Shape& shape) {
  const auto total = static_cast<double>(count(shape));
  Fans result{total, total};
  if (!shape.empty()) result.in = total / shape[0];
  if (shape.size() > 1) result.out = total / shape[1];
  return result;
}

double variance_divisor(const Filler& filler, const Shape& shape) {
  const Fans fan = fans(shape);
  if (filler.variance_norm == "FAN_OUT") return fan.out;
  if (filler.variance_norm == "AVERAGE") return (fan.in + fan.out) / 2;
  return fan.in;
}

void fill_gaussian(const Filler& filler, const Shape& shape, Random& random, float* values) {
  const std::int64_t n = count(shape);
  for (std::int64_t i = 0; i < n; ++i) values[i] = filler.mean + filler.std * static_cast<float>(random.normal());
  if (filler.sparse < 0) return;
  if (shape.empty()) throw Error("bad-filler", "a sparse gaussian filler needs a blob with at least one axis");
  const double kept = static_cast<double>(filler.sparse) / shape[0];
  for (std::int64_t i = 0; i < n; ++i) {
    if (random.uniform() >= kept) values[i] = 0;
  }
}

void fill_uniform(float low, float high, std::int64_t n, Random& random, float* values) {
  for (std::int64_t i = 0; i < n; ++i) values[i] = random.uniform(low, high);
}

// Every item of axis 0 sums to 1.
void fill_positive_unitball(const Shape& shape, Random& random, float* values) {
  const std::int64_t items = shape.empty() ? 1 : shape[0];
  const std::int64_t size = items == 0 ? 0 : count(shape) / items;
  for (std::int64_t item = 0; item < items; ++item) {
    float* row = values + item * size;
    double sum = 0;
    for (std::int64_t i = 0; i < size; ++i) sum += row[i] = static_cast<float>(random.uniform());
    for (std::int64_t i = 0; i < size; ++i) row[i] = static_cast<float>(row[i] / sum);
  }
}

// Upsampling by bilinear interpolation, for deconvolutions (N, C, k, k).
void fill_bilinear(const Shape& shape, float* values) {
  if (shape.size() != 4 || shape[2] != shape[3]) {
    throw Error("bad-filler", "a bilinear filler needs a blob with four axes and a square kernel");
  }
  const int width = shape[3];
  const auto f = static_cast<float>((width + 1) / 2);
  const float c = static_cast<float>(width - 1) / (2 * f);
  const std::int64_t n = count(shape);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto x = static_cast<float>(i % width);
    const auto y = static_cast<float>((i / width) % width);
    values[i] = (1 - std::fabs(x / f - c)) * (1 - std::fabs(y / f - c));
  }
}

}  // namespace

void from_json(const nlohmann::json& json, Filler& filler) {
  json.at("type").get_to(filler.type);
  json.at("value").get_to(filler.value);
  json.at("min").get_to(filler.min);
  json.at("max").get_to(filler.max);
  json.at("mean").get_to(filler.mean);
  json.at("std").get_to(filler.std);
  json.at("sparse").get_to(filler.sparse);
  json.at("variance_norm").get_to(filler.variance_norm);
}

void fill(const Filler& filler, const Shape& shape, Random& random, float* values) {
  const std::int64_t n = count(shape);
  if (filler.type == "constant") {
    for (std::int64_t i = 0; i < n; ++i) values[i] = filler.value;
  } else if (filler.type == "gaussian") {
    fill_gaussian(filler, shape, random, values);
  } else if (filler.type == "uniform") {
    fill_uniform(filler.min, filler.max, n, random, values);
  } else if (filler.type == "xavier") {  // Glorot, Bengio 2010
    const auto scale = static_cast<float>(std::sqrt(3 / variance_divisor(filler, shape)));
    fill_uniform(-scale, scale, n, random, values);
  } else if (filler.type == "msra") {  // He, Zhang, Ren, Sun 2015
    Filler gaussian;
    gaussian.mean = 0;
    gaussian.std = static_cast<float>(std::sqrt(2 / variance_divisor(filler, shape)));
    fill_gaussian(gaussian, shape, random, values);
  } else if (filler.type == "positive_unitball") {
    fill_positive_unitball(shape, random, values);
  } else if (filler.type == "bilinear") {
    fill_bilinear(shape, values);
  } else {
    throw Error("unknown-filler", "unknown filler type '" + filler.type + "'");
  }
}

}  // namespace olmp
