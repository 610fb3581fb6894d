#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "cpu/axis_view.h"
#include "cpu/ranges.h"
#include "cpu/register.h"

namespace olmp {
namespace {

// Copies of one blob; its gradient is the sum of theirs. Tops that share the bottom's memory are left alone.
class Split final : public Layer {
 public:
  explicit Split(LayerContext context) : Layer(std::move(context)) {
    for (const Tensor* copy : ctx.tops) require_count(*copy, bottom().count(), ctx.name);
  }

  void forward() override {
    const std::size_t bytes = static_cast<std::size_t>(bottom().count()) * sizeof(float);
    for (const Tensor* copy : ctx.tops) {
      if (copy->data != bottom().data) std::memcpy(copy->data, bottom().data, bytes);
    }
  }

  // Through a block on the stack, because the bottom's diff may be one of the tops'.
  void backward() override {
    if (!ctx.propagate_down[0]) return;
    float* dx = bottom().diff;
    for_each_range(ctx.threads, bottom().count(), static_cast<std::int64_t>(ctx.tops.size()),
                   [&](std::int64_t begin, std::int64_t end) {
                     constexpr std::int64_t kBlock = 256;
                     float sum[kBlock];
                     for (std::int64_t start = begin; start < end; start += kBlock) {
                       const std::int64_t length = std::min(kBlock, end - start);
                       std::copy_n(top(0).diff + start, length, sum);
                       for (std::size_t k = 1; k < ctx.tops.size(); ++k) {
                         const float* dy = top(k).diff + start;
                         for (std::int64_t i = 0; i < length; ++i) sum[i] += dy[i];
                       }
                       std::copy_n(sum, length, dx + start);
                     }
                   });
  }
};

}  // namespace

void register_split(LayerRegistry& registry) {
  registry["Split"] = [](LayerContext context) { return std::make_unique<Split>(std::move(context)); };
}

}  // namespace olmp
