// Caffe's Im2col: the columns of each image as a blob.
#include "cpu/checks.h"
#include "cpu/convolution_geometry.h"
#include "cpu/parallel.h"
#include "cpu/register.h"

namespace olmp {
namespace {

class Im2col final : public Layer {
 public:
  explicit Im2col(LayerContext context) : Layer(std::move(context)), geometry_(convolution_geometry(ctx, bottom().shape)) {
    require_blobs(ctx, 1, 1);
    require_not_in_place(ctx);
    require(top().count() == geometry_.images * geometry_.columns_count(), ctx,
            "blob '" + top().name + "' has the shape " + shape_text(top().shape) + ", which its kernel does not make.");
  }

  void forward() override {
    parallel_for(ctx.threads, geometry_.images, 1, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t image = first; image < last; ++image) {
        image_to_columns(geometry_, bottom().data + image * geometry_.input_count(),
                         top().data + image * geometry_.columns_count());
      }
    });
  }

  void backward() override {
    if (!wants_gradient(ctx, 0)) return;
    parallel_for(ctx.threads, geometry_.images, 1, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t image = first; image < last; ++image) {
        columns_to_image(geometry_, top().diff + image * geometry_.columns_count(),
                         bottom().diff + image * geometry_.input_count());
      }
    });
  }

 private:
  ConvolutionGeometry geometry_;
};

}  // namespace

void register_im2col(LayerRegistry& registry) {
  registry["Im2col"] = [](LayerContext context) { return std::make_unique<Im2col>(std::move(context)); };
}

}  // namespace olmp
