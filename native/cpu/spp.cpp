// Caffe's SPP (He et al. 2014): each level pools a plane into 2^level x 2^level bins; the levels lie one after another in
// the top, (N, sum of C * bins).
#include "cpu/checks.h"
#include "cpu/pooler.h"
#include "cpu/register.h"

namespace olmp {
namespace {

class Spp final : public Layer {
 public:
  explicit Spp(LayerContext context) : Layer(std::move(context)) {
    require_blobs(ctx, 1, 1);
    require_not_in_place(ctx);
    const Shape& shape = bottom().shape;
    require(shape.size() == 4, ctx, "its bottom must have the axes (N, C, H, W).");
    const int height = ctx.params.at("pyramid_height").get<int>();
    require(height > 0 && height < 16, ctx, "its pyramid_height must lie between 1 and 15.");
    for (int level = 0; level < height; ++level) {
      PoolingGeometry g;
      g.images = shape[0];
      g.channels = shape[1];
      const int bins = 1 << level;
      for (std::size_t a = 0; a < 2; ++a) {
        // SPPLayer::GetPoolingParam
        g.input[a] = shape[2 + a];
        g.kernel[a] = (g.input[a] + bins - 1) / bins;
        g.stride[a] = g.kernel[a];
        g.pad[a] = (g.kernel[a] * bins - g.input[a] + 1) / 2;
      }
      set_pooled_size(g, true);
      levels_.push_back({width_, Pooler(ctx, g, pool_method(ctx))});
      width_ += g.channels * g.output_points();
    }
    require(top().count() == shape[0] * width_, ctx, "blob '" + top().name + "' does not fit the pyramid's bins.");
  }

  void forward() override {
    for (Level& level : levels_) {
      level.pooler.forward(bottom().data, bottom().inner(1), top().data + level.offset, width_);
    }
  }

  void backward() override {
    if (!wants_gradient(ctx, 0)) return;
    for (Level& level : levels_) {
      level.pooler.backward(bottom().data, top().data + level.offset, top().diff + level.offset, width_,
                            bottom().diff, bottom().inner(1), &level == &levels_.front());
    }
  }

  std::int64_t workspace_bytes() const override {
    std::int64_t bytes = 0;
    for (const Level& level : levels_) bytes += level.pooler.workspace_bytes();
    return bytes;
  }

 private:
  struct Level {
    std::int64_t offset;  // of its bins in an image's row of the top
    Pooler pooler;
  };
  std::vector<Level> levels_;
  std::int64_t width_ = 0;
};

}  // namespace

void register_spp(LayerRegistry& registry) {
  registry["SPP"] = [](LayerContext context) { return std::make_unique<Spp>(std::move(context)); };
}

}  // namespace olmp
