#include "cpu/liveness.h"

namespace olmp {
namespace {

// Calls body(output, input channel) for every listed weight.
template <typename Body>
void for_weights(const SparseWeights& list, const Body& body) {
  const SparseProduct& product = list.product();
  for (int output = 0; output < product.outputs; ++output) {
    for (std::int64_t j = product.first[output]; j < product.first[output + 1]; ++j) {
      body(static_cast<std::size_t>(output), static_cast<std::size_t>(list.input_channel(output, j)));
    }
  }
}

}  // namespace

std::vector<Liveness> liveness(const std::vector<LaneNet::Product>& products, const std::vector<const SparseWeights*>& lists,
                               const std::vector<std::vector<bool>>& biases) {
  std::vector<Liveness> result(products.size());
  std::vector<bool> silent;  // outputs of the product before; none before the first
  for (std::size_t p = 0; p < products.size(); ++p) {
    const auto outputs = static_cast<std::size_t>(lists[p]->product().outputs);
    Liveness& own = result[p];
    own.sounding.assign(static_cast<std::size_t>(lists[p]->input_channels()), true);
    for (std::size_t c = 0; p > 0 && c < own.sounding.size(); ++c) {
      own.sounding[c] = !silent[c / static_cast<std::size_t>(products[p].inputs_per_output)];
    }
    silent.assign(outputs, true);
    for_weights(*lists[p], [&](std::size_t output, std::size_t channel) {
      if (own.sounding[channel]) silent[output] = false;
    });
    for (std::size_t output = 0; output < outputs; ++output) {
      if (biases[p].empty() || biases[p][output]) silent[output] = false;
    }
  }
  for (std::size_t p = products.size(); p-- > 0;) {
    const auto outputs = static_cast<std::size_t>(lists[p]->product().outputs);
    result[p].heard.assign(outputs, p + 1 == products.size());
    if (p + 1 == products.size()) continue;
    const auto each = static_cast<std::size_t>(products[p + 1].inputs_per_output);
    for_weights(*lists[p + 1], [&](std::size_t output, std::size_t channel) {
      if (result[p + 1].heard[output]) result[p].heard[channel / each] = true;
    });
  }
  return result;
}

}  // namespace olmp
