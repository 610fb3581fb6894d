// Layers that only give a blob another shape (Flatten, Reshape). Where the net lets top and bottom share memory there
// is nothing to do.
#pragma once

#include <cstring>
#include <utility>

#include "cpu/axis_view.h"
#include "engine/layer.h"

namespace olmp {

class Reinterpretation final : public Layer {
 public:
  explicit Reinterpretation(LayerContext context) : Layer(std::move(context)) {
    require_count(top(), bottom().count(), ctx.name);
  }

  void forward() override { copy(bottom().data, top().data); }

  void backward() override {
    if (ctx.propagate_down[0]) copy(top().diff, bottom().diff);
  }

 private:
  void copy(const float* from, float* to) const {
    if (from != to) std::memcpy(to, from, static_cast<std::size_t>(bottom().count()) * sizeof(float));
  }
};

}  // namespace olmp
