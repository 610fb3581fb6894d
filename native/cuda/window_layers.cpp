// Layers that look at a window of their bottom.
#include "cpu/pooler.h"
#include "cuda/cuda_layer.h"
#include "cuda/kernels/window.h"

namespace olmp::cuda {
namespace {

// Pooling of planes, shared by Pooling and SPP (Caffe's rules: cpu/pooler.h).
class PlanePooler {
 public:
  // Throws Error("shape-mismatch") where a window would lie outside the image.
  PlanePooler(const LayerContext& context, Device& device, const PoolingGeometry& g, Index x_stride, Index y_stride)
      : device_(device), method_(pool_method(context)), training_(context.phase == Phase::kTrain) {
    for (int a = 0; a < 2; ++a) {
      require(g.kernel[a] > 0 && g.stride[a] > 0 && g.pad[a] >= 0 && g.pad[a] < g.kernel[a], context,
              "its kernel and stride must be at least 1, and its padding smaller than its kernel.");
      require(g.output[a] > 0, context, "its kernel is larger than the padded bottom.");
      require((g.output[a] - 1) * g.stride[a] - g.pad[a] < g.input[a], context,
              "its last window starts outside the bottom. Use a smaller stride, a padding, or round_mode: FLOOR.");
      pool_.input[a] = g.input[a];
      pool_.output[a] = g.output[a];
      pool_.kernel[a] = g.kernel[a];
      pool_.stride[a] = g.stride[a];
      pool_.pad[a] = g.pad[a];
    }
    require(method_ != PoolMethod::kStochastic || (g.pad[0] == 0 && g.pad[1] == 0), context,
            "stochastic pooling takes no padding.");
    pool_.images = g.images;
    pool_.channels = g.channels;
    pool_.x_stride = x_stride;
    pool_.y_stride = y_stride;
    pool_.period = pool_.windows() / context.candidates;
    if (chooses()) chosen_ = device.allocate(floats_for<int>(pool_.windows()), "layer '" + context.name + "'");
    if (method_ == PoolMethod::kStochastic) salt_ = device.next_salt();
  }

  void forward(const float* x, float* y) {
    const Stream& stream = device_.stream();
    if (method_ == PoolMethod::kMax) {
      max_pool(stream, pool_, x, y, chosen());
    } else if (method_ == PoolMethod::kAverage) {
      average_pool(stream, pool_, x, y);
    } else if (training_) {
      sample_pool(stream, pool_, device_.pass(), salt_, x, y, chosen());
    } else {
      weighted_pool(stream, pool_, x, y);
    }
  }

  void backward(const float* x, const float* y, const float* dy, float* dx, bool overwrite) {
    const Stream& stream = device_.stream();
    if (chooses()) {
      chosen_gradient(stream, pool_, dy, chosen(), dx, overwrite);
    } else if (method_ == PoolMethod::kAverage) {
      average_gradient(stream, pool_, dy, dx, overwrite);
    } else {
      weighted_gradient(stream, pool_, x, y, dy, dx, overwrite);
    }
  }

  int* chosen() const { return reinterpret_cast<int*>(chosen_.get()); }
  std::int64_t workspace_bytes() const {
    return chooses() ? pool_.windows() * static_cast<Index>(sizeof(int)) : 0;
  }

 private:
  bool chooses() const { return method_ == PoolMethod::kMax || (method_ == PoolMethod::kStochastic && training_); }

  Device& device_;
  PoolMethod method_;
  bool training_;
  Pool pool_;
  std::uint64_t salt_ = 0;
  FloatBuffer chosen_ = no_buffer();
};

class Pooling final : public CudaLayer {
 public:
  Pooling(LayerContext context, Device& device)
      : CudaLayer(std::move(context), device),
        geometry_(pooling_geometry(ctx)),
        pooler_(ctx, device, geometry_, bottom().inner(1), top().inner(1)) {
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
    if (is_done()) return;
    pooler_.forward(bottom().data, top().data);
    if (ctx.tops.size() == 2) positions_as_floats(stream(), pooler_.chosen(), top(1).data, top(1).count());
  }

  void backward() override {
    if (!is_done() && wants(0)) pooler_.backward(bottom().data, top().data, top().diff, bottom().diff, true);
  }

  std::int64_t workspace_bytes() const override { return pooler_.workspace_bytes(); }

 private:
  // By the convolution before it.
  bool is_done() const { return ctx.maxima != nullptr && ctx.maxima->taken; }

  PoolingGeometry geometry_;
  PlanePooler pooler_;
};

class Spp final : public CudaLayer {
 public:
  Spp(LayerContext context, Device& device) : CudaLayer(std::move(context), device) {
    require_blobs(ctx, 1, 1);
    require_not_in_place(ctx);
    const Shape& shape = bottom().shape;
    require(shape.size() == 4, ctx, "its bottom must have the axes (N, C, H, W).");
    const int height = ctx.params.at("pyramid_height").get<int>();
    require(height > 0 && height < 16, ctx, "its pyramid_height must lie between 1 and 15.");
    const Index row = top().count() / shape[0];
    Index offset = 0;
    for (int level = 0; level < height; ++level) {
      PoolingGeometry g;
      g.images = shape[0];
      g.channels = shape[1];
      const int bins = 1 << level;
      for (std::size_t a = 0; a < 2; ++a) {  // SPPLayer::GetPoolingParam
        g.input[a] = shape[2 + a];
        g.kernel[a] = (g.input[a] + bins - 1) / bins;
        g.stride[a] = g.kernel[a];
        g.pad[a] = (g.kernel[a] * bins - g.input[a] + 1) / 2;
      }
      set_pooled_size(g, true);
      levels_.push_back({offset, PlanePooler(ctx, device, g, bottom().inner(1), row)});
      offset += g.channels * g.output_points();
    }
    require(top().count() == shape[0] * offset, ctx, "blob '" + top().name + "' does not fit the pyramid's bins.");
  }

  void forward() override {
    for (Level& level : levels_) level.pooler.forward(bottom().data, top().data + level.offset);
  }

  void backward() override {
    if (!wants(0)) return;
    for (Level& level : levels_) {
      level.pooler.backward(bottom().data, top().data + level.offset, top().diff + level.offset, bottom().diff,
                            &level == &levels_.front());
    }
  }

  std::int64_t workspace_bytes() const override {
    std::int64_t bytes = 0;
    for (const Level& level : levels_) bytes += level.pooler.workspace_bytes();
    return bytes;
  }

 private:
  struct Level {
    Index offset;  // of its bins in an image's row of the top
    PlanePooler pooler;
  };
  std::vector<Level> levels_;
};

class LrnLayer final : public CudaLayer {
 public:
  LrnLayer(LayerContext context, Device& device) : CudaLayer(std::move(context), device) {
    require_blobs(ctx, 1, 1);
    require_not_in_place(ctx);
    const Shape& shape = bottom().shape;
    require(shape.size() == 4, ctx, "its bottom must have the axes (N, C, H, W).");
    lrn_.size = ctx.params.at("local_size").get<int>();
    require(lrn_.size > 0 && lrn_.size % 2 == 1, ctx, "its local_size must be odd.");
    require_shape(ctx, top().shape, shape, "blob '" + top().name + "'");
    lrn_.images = shape[0];
    lrn_.channels = shape[1];
    lrn_.height = shape[2];
    lrn_.width = shape[3];
    lrn_.alpha = ctx.params.at("alpha").get<float>();
    lrn_.beta = ctx.params.at("beta").get<float>();
    lrn_.k = ctx.params.at("k").get<float>();
    lrn_.within = ctx.params.at("norm_region").get<std::string>() == "WITHIN_CHANNEL";
    scale_ = workspace(bottom().count());
  }

  void forward() override { lrn_forward(stream(), lrn_, bottom().data, scale_.get(), top().data); }

  void backward() override {
    if (!wants(0)) return;
    lrn_backward(stream(), lrn_, bottom().data, top().data, scale_.get(), top().diff, bottom().diff);
  }

 private:
  Lrn lrn_;
  FloatBuffer scale_ = no_buffer();
};

class Im2col final : public CudaLayer {
 public:
  Im2col(LayerContext context, Device& device)
      : CudaLayer(std::move(context), device), geometry_(convolution_geometry(ctx, bottom().shape)) {
    require_blobs(ctx, 1, 1);
    require_not_in_place(ctx);
    require(top().count() == geometry_.images * geometry_.columns_count(), ctx,
            "blob '" + top().name + "' has the shape " + shape_text(top().shape) + ", which its kernel does not make.");
    columns_ = columns_of(geometry_);
  }

  void forward() override {
    images_to_columns(stream(), columns_, geometry_.images, bottom().data, top().data);
  }
  void backward() override {
    if (wants(0)) columns_to_images(stream(), columns_, geometry_.images, top().diff, bottom().diff);
  }

 private:
  ConvolutionGeometry geometry_;
  Columns columns_;
};

}  // namespace

void add_window_layers(DeviceLayerRegistry& registry) {
  registry["Pooling"] = make<Pooling>;
  registry["SPP"] = make<Spp>;
  registry["LRN"] = make<LrnLayer>;
  registry["Im2col"] = make<Im2col>;
}

}  // namespace olmp::cuda
