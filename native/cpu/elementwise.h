// Layers y = f(x) without parameters. An Op is constructed from (params, layer name) and has
//   float forward(float x) const;
//   float backward(float dy, float x, float y) const;  // dx
//   bool keeps_input() const;  // backward needs the x that an in-place forward overwrites
// Where keeps_input() is false, an in-place backward gets y in x's place, as in Caffe. Where it is true, an in-place
// layer keeps a copy of x: Caffe's own gradient is wrong there, since it reads y as if it were x.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "cpu/ranges.h"
#include "engine/layer.h"

namespace olmp {

template <class Op>
class ElementwiseLayer final : public Layer {
 public:
  explicit ElementwiseLayer(LayerContext context) : Layer(std::move(context)), op_(ctx.params, ctx.name) {
    if (op_.keeps_input() && bottom().data == top().data && !ctx.propagate_down.empty() && ctx.propagate_down[0]) {
      kept_input_.resize(static_cast<std::size_t>(bottom().count()));
    }
  }

  void forward() override {
    const float* x = bottom().data;
    float* y = top().data;
    float* kept = kept_input_.empty() ? nullptr : kept_input_.data();
    for_each_range(ctx.threads, bottom().count(), [=](std::int64_t begin, std::int64_t end) {
      const Op op = op_;  // a local one: the compiler must see that writing y does not change it
      if (kept != nullptr) std::copy(x + begin, x + end, kept + begin);
      for (std::int64_t i = begin; i < end; ++i) y[i] = op.forward(x[i]);
    });
  }

  void backward() override {
    if (!ctx.propagate_down[0]) return;
    const float* x = kept_input_.empty() ? bottom().data : kept_input_.data();
    const float* y = top().data;
    const float* dy = top().diff;
    float* dx = bottom().diff;
    for_each_range(ctx.threads, bottom().count(), [=](std::int64_t begin, std::int64_t end) {
      const Op op = op_;
      for (std::int64_t i = begin; i < end; ++i) dx[i] = op.backward(dy[i], x[i], y[i]);
    });
  }

  std::int64_t workspace_bytes() const override {
    return static_cast<std::int64_t>(kept_input_.size() * sizeof(float));
  }

 private:
  Op op_;
  std::vector<float> kept_input_;
};

template <class Op>
std::unique_ptr<Layer> make_elementwise(LayerContext context) {
  return std::make_unique<ElementwiseLayer<Op>>(std::move(context));
}

}  // namespace olmp
