#include "cpu/sparse_layer.h"

#include <algorithm>
#include <numeric>

#include "cpu/parallel.h"
#include "cpu/parameter_gradient.h"

namespace olmp {
namespace {

// Densities below which the list is faster than the dense product in forward and input gradient together (LeNet's layers at
// batch 64, bench/sparse_kernels against bench/train_step).
constexpr double kConvolutionCrossover = 0.15;
constexpr double kInnerProductCrossover = 0.1;

// Products below which waking a second thread costs more than it brings.
constexpr std::int64_t kMinProducts = 1 << 19;

}  // namespace

SparseLayer::SparseLayer(SparseWeights list, std::int64_t weights, std::int64_t inputs, std::int64_t batch, int threads,
                         double crossover)
    : kernels_(cpu_sparse_kernels()),
      list_(std::move(list)),
      weights_(weights),
      inputs_(inputs),
      batch_(batch),
      threads_(threads),
      crossover_(crossover),
      all_outputs_(static_cast<std::size_t>(list_.product().outputs)) {
  std::iota(all_outputs_.begin(), all_outputs_.end(), 0);
}

std::unique_ptr<SparseLayer> SparseLayer::inner_product(int outputs, int inputs, bool transposed, std::int64_t batch,
                                                        int threads) {
  const std::int64_t weights = static_cast<std::int64_t>(outputs) * inputs;
  return std::unique_ptr<SparseLayer>(new SparseLayer(SparseWeights::inner_product(outputs, inputs, transposed), weights,
                                                      inputs, batch, threads, kInnerProductCrossover));
}

std::unique_ptr<SparseLayer> SparseLayer::convolution(const ConvolutionGeometry& g, int threads,
                                                      const std::string& layer) {
  if (g.input.size() != 2) return nullptr;
  const std::int64_t weights = static_cast<std::int64_t>(g.outputs) * (g.channels / g.group) * g.kernel_points();
  std::int64_t inputs = g.channels;
  for (std::size_t axis : {0U, 1U}) inputs *= g.input[axis] + 2 * g.pad[axis];
  std::unique_ptr<SparseLayer> made(new SparseLayer(SparseWeights::convolution(g), weights, inputs, g.images, threads,
                                                    kConvolutionCrossover));
  if (g.pad[0] == 0 && g.pad[1] == 0) return made;
  made->padding_.channels = g.channels;
  for (std::size_t axis : {0U, 1U}) {
    made->padding_.input[axis] = g.input[axis];
    made->padding_.pad[axis] = g.pad[axis];
  }
  made->padding_.x = allocate_host(inputs * g.images, "the padded input of layer '" + layer + "'");
  made->padding_.dx = allocate_host(inputs * g.images, "the padded input gradient of layer '" + layer + "'");
  return made;
}

bool SparseLayer::suits(const Parameter& weights) {
  if (weights.mask == nullptr || static_cast<double>(weights.kept) >= crossover_ * static_cast<double>(weights_)) {
    return false;
  }
  if (weights.mask_version != version_) {
    list_.select(weights.mask);
    version_ = weights.mask_version;
  }
  return true;
}

bool SparseLayer::can_pool() const {
  return list_.product().height % 2 == 0 && list_.product().width % 2 == 0;
}

template <typename Body>
std::int64_t SparseLayer::for_images(std::int64_t products, const Body& body) const {
  const std::int64_t lanes = kernels_.lanes;
  const std::int64_t vectors = (batch_ + lanes - 1) / lanes;
  const std::int64_t pieces =
      products * batch_ < kMinProducts ? 1 : std::min<std::int64_t>(threads_, vectors);
  parallel_for(static_cast<int>(pieces), pieces, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t piece = begin; piece < end; ++piece) {
      const ImageRange images{batch_, vectors * piece / pieces * lanes,
                              std::min(batch_, vectors * (piece + 1) / pieces * lanes)};
      body(images, piece);
    }
  });
  return pieces;
}

template <typename Body>
void SparseLayer::for_inside(const Body& body) const {
  const auto& [channels, input, pad, x, dx] = padding_;
  std::int64_t point = 0;
  for (std::int64_t channel = 0; channel < channels; ++channel) {
    for (std::int64_t row = 0; row < input[0]; ++row) {
      const std::int64_t line = (channel * (input[0] + 2 * pad[0]) + row + pad[0]) * (input[1] + 2 * pad[1]) + pad[1];
      for (std::int64_t column = 0; column < input[1]; ++column) body(line + column, point++);
    }
  }
}

const float* SparseLayer::padded(const float* x, const ImageRange& images) const {
  if (padding_.channels == 0) return x;
  float* to = padding_.x.get();
  for_inside([&](std::int64_t padded_point, std::int64_t point) {
    std::copy(x + point * batch_ + images.begin, x + point * batch_ + images.end,
              to + padded_point * batch_ + images.begin);
  });
  return to;
}

void SparseLayer::forward(const float* x, const float* weights, const float* bias, float* y, std::int8_t* chosen) {
  list_.gather(weights);
  const SparseProduct& product = list_.product();
  for_images(list_.kept() * product.points(), [&](const ImageRange& images, std::int64_t) {
    if (chosen == nullptr) {
      kernels_.forward(product, images, padded(x, images), bias, y);
    } else {
      kernels_.forward_max(product, images, padded(x, images), bias, y, chosen);
    }
  });
}

void SparseLayer::backward_data(const float* dy, const std::int8_t* chosen, float* dx) {
  const SparseProduct& product = list_.product();
  float* to = padding_.channels == 0 ? dx : padding_.dx.get();
  for_images(list_.kept() * product.points(), [&](const ImageRange& images, std::int64_t) {
    kernels_.backward_data(product, images, dy, chosen, to);
    if (to == dx) return;
    for_inside([&](std::int64_t padded_point, std::int64_t point) {
      std::copy(to + padded_point * batch_ + images.begin, to + padded_point * batch_ + images.end,
                dx + point * batch_ + images.begin);
    });
  });
}

template <typename Body>
void SparseLayer::add_gradient(Parameter& parameter, const std::vector<std::int32_t>& places, std::int64_t products,
                               const Body& body) {
  const std::size_t count = places.size();
  partial_.resize(std::max(partial_.size(), count * static_cast<std::size_t>(threads_)));
  const std::int64_t pieces = for_images(products, [&](const ImageRange& images, std::int64_t piece) {
    body(images, partial_.data() + static_cast<std::size_t>(piece) * count);
  });
  const float factor = begin_gradient(parameter);
  float* diff = parameter.tensor.diff;
  for (std::size_t i = 0; i < count; ++i) {
    float sum = partial_[i];
    for (std::size_t piece = 1; piece < static_cast<std::size_t>(pieces); ++piece) sum += partial_[piece * count + i];
    float& total = diff[places[i]];
    total = factor == 0.0F ? sum : total + sum;  // what a cleared diff holds may be a NaN
  }
}

void SparseLayer::backward_weights(const float* x, const float* dy, const std::int8_t* chosen, Parameter& weights) {
  const SparseProduct& product = list_.product();
  const float* from = padding_.channels == 0 ? x : padding_.x.get();
  add_gradient(weights, list_.positions(), list_.kept() * product.points(),
               [&](const ImageRange& images, float* sums) {
                 kernels_.backward_weights(product, images, from, dy, chosen, sums);
               });
}

void SparseLayer::backward_bias(const float* dy, bool pooled, Parameter& bias) {
  const std::vector<std::int32_t>& outputs = bias.frozen ? bias.kept_places : all_outputs_;
  const std::int64_t points = list_.product().points() / (pooled ? 4 : 1);
  const auto count = static_cast<std::int64_t>(outputs.size());
  add_gradient(bias, outputs, count * points, [&](const ImageRange& images, float* sums) {
    kernels_.backward_bias(outputs.data(), count, points, images, dy, sums);
  });
}

std::int64_t SparseLayer::workspace_bytes() const {
  return padding_.channels == 0 ? 0 : 2 * inputs_ * batch_ * static_cast<std::int64_t>(sizeof(float));
}

}  // namespace olmp
