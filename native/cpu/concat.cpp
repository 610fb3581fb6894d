#include <cstdint>
#include <memory>
#include <utility>

#include "cpu/axis_view.h"
#include "cpu/register.h"
#include "cpu/strided_copy.h"

namespace olmp {
namespace {

class Concat final : public Layer {
 public:
  explicit Concat(LayerContext context)
      : Layer(std::move(context)), whole_(axis_view(top(), ctx.params.at("axis").get<int>(), ctx.name)) {
    std::int64_t total = 0;
    for (const Tensor* part : ctx.bottoms) total += part->count();
    require_count(top(), total, ctx.name);
  }

  void forward() override {
    float* to = top().data;
    for (const Tensor* part : ctx.bottoms) {
      const std::int64_t length = part->count() / whole_.outer;
      copy_rows(ctx.threads, to, row(), part->data, length, whole_.outer, length);
      to += length;
    }
  }

  void backward() override {
    const float* from = top().diff;
    for (std::size_t i = 0; i < ctx.bottoms.size(); ++i) {
      const std::int64_t length = bottom(i).count() / whole_.outer;
      if (ctx.propagate_down[i]) copy_rows(ctx.threads, bottom(i).diff, length, from, row(), whole_.outer, length);
      from += length;
    }
  }

 private:
  std::int64_t row() const { return whole_.size * whole_.inner; }

  AxisView whole_;
};

}  // namespace

void register_concat(LayerRegistry& registry) {
  registry["Concat"] = [](LayerContext context) { return std::make_unique<Concat>(std::move(context)); };
}

}  // namespace olmp
