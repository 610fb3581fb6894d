#include <cstdint>
#include <memory>
#include <utility>

#include "cpu/axis_view.h"
#include "cpu/register.h"
#include "cpu/strided_copy.h"

namespace olmp {
namespace {

// Where the cuts lie (slice_point) shows in the tops' shapes.
class Slice final : public Layer {
 public:
  explicit Slice(LayerContext context)
      : Layer(std::move(context)), whole_(axis_view(bottom(), ctx.params.at("axis").get<int>(), ctx.name)) {
    std::int64_t total = 0;
    for (const Tensor* part : ctx.tops) total += part->count();
    require_count(bottom(), total, ctx.name);
  }

  void forward() override {
    const float* from = bottom().data;
    for (const Tensor* part : ctx.tops) {
      const std::int64_t length = part->count() / whole_.outer;
      copy_rows(ctx.threads, part->data, length, from, row(), whole_.outer, length);
      from += length;
    }
  }

  void backward() override {
    if (!ctx.propagate_down[0]) return;
    float* to = bottom().diff;
    for (const Tensor* part : ctx.tops) {
      const std::int64_t length = part->count() / whole_.outer;
      copy_rows(ctx.threads, to, row(), part->diff, length, whole_.outer, length);
      to += length;
    }
  }

 private:
  std::int64_t row() const { return whole_.size * whole_.inner; }

  AxisView whole_;
};

}  // namespace

void register_slice(LayerRegistry& registry) {
  registry["Slice"] = [](LayerContext context) { return std::make_unique<Slice>(std::move(context)); };
}

}  // namespace olmp
