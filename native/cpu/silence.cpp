#include <algorithm>
#include <memory>
#include <utility>

#include "cpu/register.h"

namespace olmp {
namespace {

// Reads blobs nobody else wants, so that they are no outputs of the net; their gradient is zero.
class Silence final : public Layer {
 public:
  explicit Silence(LayerContext context) : Layer(std::move(context)) {}

  void forward() override {}

  void backward() override {
    for (std::size_t i = 0; i < ctx.bottoms.size(); ++i) {
      if (ctx.propagate_down[i]) std::fill_n(bottom(i).diff, bottom(i).count(), 0.0f);
    }
  }
};

}  // namespace

void register_silence(LayerRegistry& registry) {
  registry["Silence"] = [](LayerContext context) { return std::make_unique<Silence>(std::move(context)); };
}

}  // namespace olmp
