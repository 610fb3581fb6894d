#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "cpu/axis_view.h"
#include "cpu/ranges.h"
#include "cpu/register.h"

namespace olmp {
namespace {

// Repeats the blob `tiles` times along an axis: (outer, block) -> (outer, tiles, block).
class Tile final : public Layer {
 public:
  explicit Tile(LayerContext context) : Layer(std::move(context)), tiles_(ctx.params.at("tiles").get<int>()) {
    const AxisView view = axis_view(bottom(), ctx.params.at("axis").get<int>(), ctx.name);
    outer_ = view.outer;
    block_ = view.size * view.inner;
    require_count(top(), outer_ * tiles_ * block_, ctx.name);
  }

  void forward() override {
    for_each_range(ctx.threads, outer_, tiles_ * block_, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const float* x = bottom().data + row * block_;
        float* y = top().data + row * tiles_ * block_;
        for (std::int64_t t = 0; t < tiles_; ++t) {
          std::memcpy(y + t * block_, x, static_cast<std::size_t>(block_) * sizeof(float));
        }
      }
    });
  }

  void backward() override {
    if (!ctx.propagate_down[0]) return;
    for_each_range(ctx.threads, outer_, tiles_ * block_, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const float* dy = top().diff + row * tiles_ * block_;
        float* dx = bottom().diff + row * block_;
        std::memcpy(dx, dy, static_cast<std::size_t>(block_) * sizeof(float));
        for (std::int64_t t = 1; t < tiles_; ++t) {
          for (std::int64_t i = 0; i < block_; ++i) dx[i] += dy[t * block_ + i];
        }
      }
    });
  }

 private:
  std::int64_t tiles_;
  std::int64_t outer_ = 0;
  std::int64_t block_ = 0;
};

}  // namespace

void register_tile(LayerRegistry& registry) {
  registry["Tile"] = [](LayerContext context) { return std::make_unique<Tile>(std::move(context)); };
}

}  // namespace olmp
