// Caffe's Pooling over the last two axes of (N, C, H, W); a second top receives the chosen positions.
#include "cpu/checks.h"
#include "cpu/pooler.h"
#include "cpu/register.h"

namespace olmp {
namespace {

class Pooling final : public Layer {
 public:
  explicit Pooling(LayerContext context)
      : Layer(std::move(context)), geometry_(pooling_geometry(ctx)), pooler_(ctx, geometry_, pool_method(ctx)) {
    require(ctx.bottoms.size() == 1 && (ctx.tops.size() == 1 || ctx.tops.size() == 2), ctx,
            "it needs one bottom and one or two tops.");
    require_not_in_place(ctx);
    require(ctx.tops.size() == 1 || pool_method(ctx) == PoolMethod::kMax, ctx,
            "only MAX pooling has a second top, the chosen positions.");
    const Shape expected{static_cast<int>(geometry_.images), geometry_.channels, geometry_.output[0],
                         geometry_.output[1]};
    for (std::size_t i = 0; i < ctx.tops.size(); ++i) {
      require_shape(ctx, top(i).shape, expected, "blob '" + top(i).name + "'");
    }
  }

  void forward() override {
    if (ctx.maxima != nullptr && ctx.maxima->taken) return;
    pooler_.forward(bottom().data, image(bottom()), top().data, image(top()));
    if (ctx.tops.size() == 2) std::copy(pooler_.chosen().begin(), pooler_.chosen().end(), top(1).data);
  }

  void backward() override {
    if (!wants_gradient(ctx, 0) || (ctx.maxima != nullptr && ctx.maxima->taken)) return;
    pooler_.backward(bottom().data, top().data, top().diff, image(top()), bottom().diff, image(bottom()));
  }

  std::int64_t workspace_bytes() const override { return pooler_.workspace_bytes(); }

 private:
  static std::int64_t image(const Tensor& tensor) { return tensor.inner(1); }

  PoolingGeometry geometry_;
  Pooler pooler_;
};

}  // namespace

void register_pooling(LayerRegistry& registry) {
  registry["Pooling"] = [](LayerContext context) { return std::make_unique<Pooling>(std::move(context)); };
}

}  // namespace olmp
