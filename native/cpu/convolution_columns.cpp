#include <vector>

#include "cpu/channel_bias.h"
#include "cpu/convolution_algorithm.h"
#include "cpu/gemm.h"
#include "cpu/kernels/kernels.h"
#include "cpu/parallel.h"

namespace olmp {
namespace {

class ColumnConvolution final : public ConvolutionAlgorithm {
 public:
  ColumnConvolution(const ConvolutionGeometry& geometry, int threads, const std::string& layer)
      : g_(geometry),
        workers_(static_cast<int>(std::min<std::int64_t>(threads, geometry.images))),
        points_(g_.output_points()),
        group_rows_(g_.rows() / g_.group),
        group_outputs_(g_.outputs / g_.group),
        weight_count_(g_.outputs * group_rows_) {
    for (int w = 0; w < workers_; ++w) {
      columns_.push_back(allocate_host(g_.columns_count(), "the columns of layer '" + layer + "'"));
      // Each worker but the first sums its images' weight gradients apart; they are added in worker order.
      if (w > 0) partial_.push_back(allocate_host(weight_count_, "the weight gradient of layer '" + layer + "'"));
    }
  }

  void forward(const float* x, const float* weights, const float* bias, float* y) override {
    for_each_image([&](int worker, std::int64_t image) {
      float* columns = columns_[static_cast<std::size_t>(worker)].get();
      image_to_columns(g_, x + image * g_.input_count(), columns);
      float* out = y + image * g_.output_count();
      if (bias != nullptr) {
        for (int o = 0; o < g_.outputs; ++o) cpu_kernels().fill(out + o * points_, bias[o], points_);
      }
      for (int group = 0; group < g_.group; ++group) {
        gemm(Transpose::kNo, Transpose::kNo, group_outputs_, points_, group_rows_, 1,
             weights + group * group_outputs_ * group_rows_, group_rows_, columns + group * group_rows_ * points_,
             points_, bias == nullptr ? 0.0F : 1.0F, out + group * group_outputs_ * points_, points_);
      }
    });
  }

  void backward(const float* x, const float* dy, const float* weights, const ConvolutionGradients& gradients) override {
    if (gradients.weights != nullptr) backward_weights(x, dy, gradients.weights_beta, gradients.weights);
    if (gradients.bias != nullptr) add_channel_sums(gradients.bias, dy, g_.images, g_.outputs, points_, workers_);
    if (gradients.data != nullptr) backward_data(dy, weights, gradients.data);
  }

  std::int64_t workspace_bytes() const override {
    const std::int64_t floats = g_.columns_count() * workers_ + weight_count_ * (workers_ - 1);
    return floats * static_cast<std::int64_t>(sizeof(float));
  }

 private:
  void backward_weights(const float* x, const float* dy, float beta, float* dw) {
    for_each_image([&](int worker, std::int64_t image) {
      float* columns = columns_[static_cast<std::size_t>(worker)].get();
      image_to_columns(g_, x + image * g_.input_count(), columns);
      const bool first = image == g_.images * worker / workers_;
      float* to = worker == 0 ? dw : partial_[static_cast<std::size_t>(worker) - 1].get();
      const float keep = first ? (worker == 0 ? beta : 0.0F) : 1.0F;
      for (int group = 0; group < g_.group; ++group) {
        gemm(Transpose::kNo, Transpose::kYes, group_outputs_, group_rows_, points_, 1,
             dy + image * g_.output_count() + group * group_outputs_ * points_, points_,
             columns + group * group_rows_ * points_, points_, keep, to + group * group_outputs_ * group_rows_,
             group_rows_);
      }
    });
    for (const FloatBuffer& partial : partial_) cpu_kernels().add(dw, partial.get(), weight_count_);
  }

  void backward_data(const float* dy, const float* weights, float* dx) {
    for_each_image([&](int worker, std::int64_t image) {
      float* columns = columns_[static_cast<std::size_t>(worker)].get();
      for (int group = 0; group < g_.group; ++group) {
        gemm(Transpose::kYes, Transpose::kNo, group_rows_, points_, group_outputs_, 1,
             weights + group * group_outputs_ * group_rows_, group_rows_,
             dy + image * g_.output_count() + group * group_outputs_ * points_, points_, 0,
             columns + group * group_rows_ * points_, points_);
      }
      columns_to_image(g_, columns, dx + image * g_.input_count());
    });
  }

  // One worker per thread, each with a run of images; a single image is left to sgemm's own threads.
  template <typename Body>
  void for_each_image(const Body& body) {
    parallel_for(workers_, workers_, 1, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t worker = first; worker < last; ++worker) {
        const std::int64_t end = g_.images * (worker + 1) / workers_;
        for (std::int64_t image = g_.images * worker / workers_; image < end; ++image) {
          body(static_cast<int>(worker), image);
        }
      }
    });
  }

  ConvolutionGeometry g_;
  int workers_;
  std::int64_t points_;
  std::int64_t group_rows_;
  std::int64_t group_outputs_;
  std::int64_t weight_count_;
  std::vector<FloatBuffer> columns_;
  std::vector<FloatBuffer> partial_;
};

}  // namespace

std::unique_ptr<ConvolutionAlgorithm> make_column_convolution(const ConvolutionGeometry& geometry, int threads,
                                                              const std::string& layer) {
  return std::make_unique<ColumnConvolution>(geometry, threads, layer);
}

}  // namespace olmp
