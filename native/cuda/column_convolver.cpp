#include <algorithm>

#include "cuda/device.h"
#include "cuda/kernels/window.h"

namespace olmp::cuda {

Columns columns_of(const ConvolutionGeometry& g) {
  Columns columns;
  columns.axes = static_cast<int>(g.input.size());
  columns.channels = g.channels;
  for (std::size_t a = 0; a < g.input.size(); ++a) {
    columns.input[a] = g.input[a];
    columns.output[a] = g.output[a];
    columns.kernel[a] = g.kernel[a];
    columns.stride[a] = g.stride[a];
    columns.pad[a] = g.pad[a];
    columns.dilation[a] = g.dilation[a];
  }
  columns.input_points = g.input_points();
  columns.output_points = g.output_points();
  columns.kernel_points = g.kernel_points();
  return columns;
}

namespace {

// Columns of as many images as fit are made at a time.
constexpr Index kColumnFloats = Index{1} << 24;

class ColumnConvolver final : public Convolver {
 public:
  ColumnConvolver(Device& device, const ConvolutionGeometry& geometry)
      : device_(device),
        geometry_(columns_of(geometry)),
        images_(geometry.images),
        groups_(geometry.group),
        rows_(geometry.rows() / geometry.group),
        outputs_(geometry.outputs / geometry.group),
        input_(geometry.input_count()),
        output_(geometry.output_count()),
        chunk_(std::min(images_, std::max<Index>(1, kColumnFloats / geometry.columns_count()))),
        floats_(chunk_ * geometry.columns_count()) {
    device_.scratch(floats_);  // so that a net that does not fit says so when it is built
  }

  void forward(const float* x, const float* w, float* y) override {
    float* columns = device_.scratch(floats_);
    for_each_chunk([&](Index first, Index images) {
      images_to_columns(device_.stream(), geometry_, images, x + first * input_, columns);
      Product product{false, false, outputs_, points(), rows_, 0, images, 0, image_columns(), output_};
      for (Index g = 0; g < groups_; ++g) {
        device_.multiply(product, w + g * outputs_ * rows_, columns + g * rows_ * points(),
                         y + first * output_ + g * outputs_ * points());
      }
    });
  }

  // One image after the other, its groups together: the sum is the same every time.
  void backward_weights(const float* x, const float* dy, float beta, float* dw) override {
    float* columns = device_.scratch(floats_);
    for_each_chunk([&](Index first, Index images) {
      images_to_columns(device_.stream(), geometry_, images, x + first * input_, columns);
      for (Index image = 0; image < images; ++image) {
        const Product product{false,     true,          outputs_,         rows_, points(), first + image == 0 ? beta : 1,
                              groups_, outputs_ * points(), rows_ * points(), outputs_ * rows_};
        device_.multiply(product, dy + (first + image) * output_, columns + image * image_columns(), dw);
      }
    });
  }

  void backward_data(const float* w, const float* dy, float* dx) override {
    float* columns = device_.scratch(floats_);
    for_each_chunk([&](Index first, Index images) {
      const Product product{true, false, rows_, points(), outputs_, 0, images, 0, output_, image_columns()};
      for (Index g = 0; g < groups_; ++g) {
        device_.multiply(product, w + g * outputs_ * rows_, dy + first * output_ + g * outputs_ * points(),
                         columns + g * rows_ * points());
      }
      columns_to_images(device_.stream(), geometry_, images, columns, dx + first * input_);
    });
  }


 private:
  Index points() const { return geometry_.output_points; }
  Index image_columns() const { return groups_ * rows_ * points(); }

  // body(first image, number of images)
  template <typename Body>
  void for_each_chunk(const Body& body) const {
    for (Index first = 0; first < images_; first += chunk_) body(first, std::min(chunk_, images_ - first));
  }

  Device& device_;
  Columns geometry_;
  Index images_;
  Index groups_;
  Index rows_;     // of a group's columns
  Index outputs_;  // of a group
  Index input_;    // floats of an image
  Index output_;
  Index chunk_;    // images
  Index floats_;   // of the columns of a chunk
};

}  // namespace

std::unique_ptr<Convolver> make_column_convolver(Device& device, const ConvolutionGeometry& geometry) {
  return std::make_unique<ColumnConvolver>(device, geometry);
}

}  // namespace olmp::cuda
