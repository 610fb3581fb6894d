// Caffe's LRN. Across channels: y = x * s^-beta, s = k + alpha / n * sum of x^2 over n neighbouring channels. Within a
// channel: y = x * (1 + alpha * a)^-beta, a the average of x^2 over an n x n window, divided as AVE pooling with padding
// divides it (LRNLayer::SetUp composes it so; k is not used there).
#include <algorithm>
#include <vector>

#include "cpu/checks.h"
#include "cpu/kernels/kernels.h"
#include "cpu/parallel.h"
#include "cpu/register.h"

namespace olmp {
namespace {

class Lrn : public Layer {
 public:
  explicit Lrn(LayerContext context)
      : Layer(std::move(context)),
        size_(ctx.params.at("local_size").get<int>()),
        alpha_(ctx.params.at("alpha").get<float>()),
        beta_(ctx.params.at("beta").get<float>()) {
    require_blobs(ctx, 1, 1);
    const Shape& shape = bottom().shape;
    require_not_in_place(ctx);
    require(shape.size() == 4, ctx, "its bottom must have the axes (N, C, H, W).");
    require(size_ > 0 && size_ % 2 == 1, ctx, "its local_size must be odd.");
    require_shape(ctx, top().shape, shape, "blob '" + top().name + "'");
    images_ = shape[0];
    channels_ = shape[1];
    height_ = shape[2];
    width_ = shape[3];
    points_ = static_cast<std::int64_t>(height_) * width_;
    const std::int64_t workers = std::max<std::int64_t>(1, std::min<std::int64_t>(ctx.threads, images_));
    scale_ = allocate_host(bottom().count(), "layer '" + ctx.name + "'");
    factor_ = allocate_host(bottom().count(), "layer '" + ctx.name + "'");
    work_ = allocate_host(workers * channels_ * points_, "layer '" + ctx.name + "'");
    line_ = allocate_host(workers * points_, "layer '" + ctx.name + "'");
    workers_ = static_cast<int>(workers);
  }

  std::int64_t workspace_bytes() const override {
    return (2 * bottom().count() + workers_ * (channels_ + 1) * points_) * static_cast<std::int64_t>(sizeof(float));
  }

 protected:
  // body(image's offset, the worker's image buffer, the worker's plane buffer)
  template <typename Body>
  void for_each_image(const Body& body) {
    parallel_for(workers_, workers_, 1, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t worker = first; worker < last; ++worker) {
        const std::int64_t end = images_ * (worker + 1) / workers_;
        for (std::int64_t image = images_ * worker / workers_; image < end; ++image) {
          body(image * channels_ * points_, work_.get() + worker * channels_ * points_, line_.get() + worker * points_);
        }
      }
    });
  }

  int size_;
  float alpha_;
  float beta_;
  std::int64_t images_ = 1;
  int channels_ = 1;
  int height_ = 1;
  int width_ = 1;
  std::int64_t points_ = 1;
  int workers_ = 1;
  FloatBuffer scale_{nullptr, [](float*) {}};   // s, or 1 + alpha * a
  FloatBuffer factor_{nullptr, [](float*) {}};  // scale ^ -beta
  FloatBuffer work_{nullptr, [](float*) {}};
  FloatBuffer line_{nullptr, [](float*) {}};
};

class LrnAcross final : public Lrn {
 public:
  explicit LrnAcross(LayerContext context) : Lrn(std::move(context)), k_(ctx.params.at("k").get<float>()) {}

  void forward() override {
    for_each_image([&](std::int64_t offset, float* squares, float*) {
      const float* x = bottom().data + offset;
      float* scale = scale_.get() + offset;
      const std::int64_t n = channels_ * points_;
      cpu_kernels().multiply(squares, x, x, n);
      window_sums(squares, scale);
      const float weight = alpha_ / static_cast<float>(size_);
      for (std::int64_t i = 0; i < n; ++i) scale[i] = k_ + weight * scale[i];
      cpu_kernels().negative_power(factor_.get() + offset, scale, beta_, n);
      cpu_kernels().multiply(top().data + offset, x, factor_.get() + offset, n);
    });
  }

  // dx = dy * s^-beta - 2 alpha beta / n * x * sum over the window of dy * y / s
  void backward() override {
    if (!wants_gradient(ctx, 0)) return;
    for_each_image([&](std::int64_t offset, float* ratio, float*) {
      const float* x = bottom().data + offset;
      const float* y = top().data + offset;
      const float* dy = top().diff + offset;
      const float* scale = scale_.get() + offset;
      const float* factor = factor_.get() + offset;
      float* dx = bottom().diff + offset;
      const std::int64_t n = channels_ * points_;
      for (std::int64_t i = 0; i < n; ++i) ratio[i] = dy[i] * y[i] / scale[i];
      window_sums(ratio, dx);
      const float weight = 2 * alpha_ * beta_ / static_cast<float>(size_);
      for (std::int64_t i = 0; i < n; ++i) dx[i] = dy[i] * factor[i] - weight * x[i] * dx[i];
    });
  }

 private:
  // to[c] = sum of from over the channels within size / 2 of c
  void window_sums(const float* from, float* to) const {
    const int reach = size_ / 2;
    for (int c = 0; c < channels_; ++c) {
      const int first = std::max(0, c - reach);
      const int last = std::min(channels_ - 1, c + reach);
      float* sum = to + c * points_;
      std::copy(from + first * points_, from + (first + 1) * points_, sum);
      for (int other = first + 1; other <= last; ++other) cpu_kernels().add(sum, from + other * points_, points_);
    }
  }

  float k_;
};

class LrnWithin final : public Lrn {
 public:
  using Lrn::Lrn;

  void forward() override {
    for_each_image([&](std::int64_t offset, float* squares, float* line) {
      const float* x = bottom().data + offset;
      float* scale = scale_.get() + offset;
      const std::int64_t n = channels_ * points_;
      cpu_kernels().multiply(squares, x, x, n);
      for (int c = 0; c < channels_; ++c) {
        float* plane = scale + c * points_;
        window_sums(squares + c * points_, plane, line);
        for_each_point([&](std::int64_t i, float divisor) { plane[i] = 1 + alpha_ * (plane[i] / divisor); });
      }
      cpu_kernels().negative_power(factor_.get() + offset, scale, beta_, n);
      cpu_kernels().multiply(top().data + offset, x, factor_.get() + offset, n);
    });
  }

  // dx = dy * f - 2 alpha beta x * sum over the windows that hold x of dy * y / scale / divisor
  void backward() override {
    if (!wants_gradient(ctx, 0)) return;
    for_each_image([&](std::int64_t offset, float* ratio, float* line) {
      const float* x = bottom().data + offset;
      const float* y = top().data + offset;
      const float* dy = top().diff + offset;
      const float* scale = scale_.get() + offset;
      const float* factor = factor_.get() + offset;
      float* dx = bottom().diff + offset;
      const std::int64_t n = channels_ * points_;
      for (int c = 0; c < channels_; ++c) {
        const std::int64_t at = c * points_;
        for_each_point([&](std::int64_t i, float divisor) {
          ratio[at + i] = dy[at + i] * y[at + i] / scale[at + i] / divisor;
        });
        window_sums(ratio + at, dx + at, line);
      }
      const float weight = 2 * alpha_ * beta_;
      for (std::int64_t i = 0; i < n; ++i) dx[i] = dy[i] * factor[i] - weight * x[i] * dx[i];
    });
  }

 private:
  // Caffe's AVE pooling divides by the window's size clipped to the padded image.
  template <typename Body>
  void for_each_point(const Body& body) const {
    const int reach = size_ / 2;
    for (int h = 0; h < height_; ++h) {
      const int rows = std::min(h + reach + 1, height_ + reach) - (h - reach);
      for (int w = 0; w < width_; ++w) {
        const int columns = std::min(w + reach + 1, width_ + reach) - (w - reach);
        body(static_cast<std::int64_t>(h) * width_ + w, static_cast<float>(rows * columns));
      }
    }
  }

  // Sums over the size x size window around each point of a plane; `line` holds the row sums.
  void window_sums(const float* from, float* to, float* line) const {
    const int reach = size_ / 2;
    for (int h = 0; h < height_; ++h) {
      for (int w = 0; w < width_; ++w) {
        float sum = 0;
        for (int v = std::max(0, w - reach); v <= std::min(width_ - 1, w + reach); ++v) sum += from[h * width_ + v];
        line[h * width_ + w] = sum;
      }
    }
    for (int h = 0; h < height_; ++h) {
      float* sum = to + static_cast<std::int64_t>(h) * width_;
      const int first = std::max(0, h - reach);
      std::copy(line + first * width_, line + (first + 1) * width_, sum);
      for (int other = first + 1; other <= std::min(height_ - 1, h + reach); ++other) {
        cpu_kernels().add(sum, line + other * width_, width_);
      }
    }
  }
};

}  // namespace

void register_lrn(LayerRegistry& registry) {
  registry["LRN"] = [](LayerContext context) -> std::unique_ptr<Layer> {
    if (context.params.at("norm_region").get<std::string>() == "WITHIN_CHANNEL") {
      return std::make_unique<LrnWithin>(std::move(context));
    }
    return std::make_unique<LrnAcross>(std::move(context));
  };
}

}  // namespace olmp
