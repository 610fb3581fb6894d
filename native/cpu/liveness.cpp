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

void find_liveness(const std::vector<LaneNet::Product>& products, const std::vector<const SparseWeights*>& lists,
                   const std::vector<std::vector<bool>>& biases, std::vector<Liveness>& result) {
  result.resize(products.size());
  for (std::size_t p = 0; p < products.size(); ++p) {
    Liveness& own = result[p];
    own.sounding.assign(static_cast<std::size_t>(lists[p]->input_channels()), true);
    for (std::size_t c = 0; p > 0 && c < own.sounding.size(); ++c) {
      own.sounding[c] = result[p - 1].speaking[c / static_cast<std::size_t>(products[p].inputs_per_output)];
    }
    own.speaking = biases[p];
    for_weights(*lists[p], [&](std::size_t output, std::size_t channel) {
      if (own.sounding[channel]) own.speaking[output] = true;
    });
  }
  for (std::size_t p = products.size(); p-- > 0;) {
    const bool last = p + 1 == products.size();
    result[p].heard.assign(static_cast<std::size_t>(lists[p]->product().outputs), last);
    if (last) continue;
    const auto each = static_cast<std::size_t>(products[p + 1].inputs_per_output);
    for_weights(*lists[p + 1], [&](std::size_t output, std::size_t channel) {
      if (result[p + 1].heard[output]) result[p].heard[channel / each] = true;
    });
  }
}

}  // namespace olmp
