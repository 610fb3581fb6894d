#include "cpu/softmax.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <utility>

#include "cpu/ranges.h"
#include "cpu/register.h"

namespace olmp {
namespace {

// Inner positions handled together where the classes are `inner` apart, so that loads stay contiguous.
constexpr std::int64_t kBlock = 64;

void softmax_row(const float* x, float* y, std::int64_t classes) {
  float maximum = x[0];
  for (std::int64_t c = 1; c < classes; ++c) maximum = std::max(maximum, x[c]);
  float sum = 0;
  for (std::int64_t c = 0; c < classes; ++c) {
    y[c] = std::exp(x[c] - maximum);
    sum += y[c];
  }
  for (std::int64_t c = 0; c < classes; ++c) y[c] /= sum;
}

// x, y: (classes, inner), of which the columns [0, width) are done, width <= kBlock.
void softmax_columns(const float* x, float* y, std::int64_t classes, std::int64_t inner, std::int64_t width) {
  float maximum[kBlock];
  float sum[kBlock];
  std::copy_n(x, width, maximum);
  std::fill_n(sum, width, 0.0f);
  for (std::int64_t c = 1; c < classes; ++c) {
    for (std::int64_t i = 0; i < width; ++i) maximum[i] = std::max(maximum[i], x[c * inner + i]);
  }
  for (std::int64_t c = 0; c < classes; ++c) {
    for (std::int64_t i = 0; i < width; ++i) {
      y[c * inner + i] = std::exp(x[c * inner + i] - maximum[i]);
      sum[i] += y[c * inner + i];
    }
  }
  for (std::int64_t c = 0; c < classes; ++c) {
    for (std::int64_t i = 0; i < width; ++i) y[c * inner + i] /= sum[i];
  }
}

class Softmax final : public Layer {
 public:
  explicit Softmax(LayerContext context)
      : Layer(std::move(context)), view_(axis_view(bottom(), ctx.params.at("axis").get<int>(), ctx.name)) {
    require_count(top(), bottom().count(), ctx.name);
  }

  void forward() override { softmax_forward(ctx.threads, bottom().data, top().data, view_); }

  // dx = (dy - sum over the classes of y dy) y
  void backward() override {
    if (!ctx.propagate_down[0]) return;
    const std::int64_t item = view_.size * view_.inner;
    for_each_range(ctx.threads, view_.outer, item, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t o = begin; o < end; ++o) {
        for (std::int64_t start = 0; start < view_.inner; start += kBlock) {
          gradient(o * item + start, std::min(kBlock, view_.inner - start));
        }
      }
    });
  }

 private:
  void gradient(std::int64_t place, std::int64_t width) const {
    const float* y = top().data + place;
    const float* dy = top().diff + place;
    float* dx = bottom().diff + place;
    float dot[kBlock] = {};
    for (std::int64_t c = 0; c < view_.size; ++c) {
      for (std::int64_t i = 0; i < width; ++i) dot[i] += y[c * view_.inner + i] * dy[c * view_.inner + i];
    }
    for (std::int64_t c = 0; c < view_.size; ++c) {
      for (std::int64_t i = 0; i < width; ++i) {
        dx[c * view_.inner + i] = (dy[c * view_.inner + i] - dot[i]) * y[c * view_.inner + i];
      }
    }
  }

  AxisView view_;
};

}  // namespace

void softmax_forward(int threads, const float* x, float* y, const AxisView& view) {
  const std::int64_t item = view.size * view.inner;
  if (item == 0) return;
  // An exponential costs about as much as eight elements of a plain loop.
  for_each_range(threads, view.outer, 8 * item, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t o = begin; o < end; ++o) {
      if (view.inner == 1) {
        softmax_row(x + o * item, y + o * item, view.size);
        continue;
      }
      for (std::int64_t start = 0; start < view.inner; start += kBlock) {
        softmax_columns(x + o * item + start, y + o * item + start, view.size, view.inner,
                        std::min(kBlock, view.inner - start));
      }
    }
  });
}

void register_softmax(LayerRegistry& registry) {
  registry["Softmax"] = [](LayerContext context) { return std::make_unique<Softmax>(std::move(context)); };
}

}  // namespace olmp
