// Checks of a layer's description against its blobs, made once when it is built: kernels index without looking.
#pragma once

#include <string>

#include "engine/error.h"
#include "engine/layer.h"

namespace olmp {

inline std::string shape_text(const Shape& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + ")";
}

[[noreturn]] inline void refuse(const LayerContext& context, const std::string& why) {
  throw Error("shape-mismatch", "Layer '" + context.name + "' (" + context.type + "): " + why);
}

inline void require(bool holds, const LayerContext& context, const std::string& why) {
  if (!holds) refuse(context, why);
}

inline void require_shape(const LayerContext& context, const Shape& actual, const Shape& expected,
                          const std::string& what) {
  if (actual != expected) {
    refuse(context, what + " has the shape " + shape_text(actual) + " where " + shape_text(expected) + " is needed.");
  }
}

// `parameters` blobs: as many as the layer needs, each with its shape.
inline void require_parameters(const LayerContext& context, const std::vector<Shape>& shapes) {
  if (context.parameters.size() != shapes.size()) {
    refuse(context, "it has " + std::to_string(context.parameters.size()) + " parameters where " +
                        std::to_string(shapes.size()) + " are needed.");
  }
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    require_shape(context, context.parameters[i]->tensor.shape, shapes[i], "parameter " + std::to_string(i));
  }
}

inline void require_blobs(const LayerContext& context, std::size_t bottoms, std::size_t tops) {
  if (context.bottoms.size() != bottoms || context.tops.size() != tops) {
    refuse(context, "it needs " + std::to_string(bottoms) + " bottoms and " + std::to_string(tops) + " tops.");
  }
}

// For layers that read their bottom after they have begun to write their top.
inline void require_not_in_place(const LayerContext& context) {
  for (const Tensor* top : context.tops) {
    for (const Tensor* bottom : context.bottoms) {
      require(top->data != bottom->data, context, "it cannot work in place. Give its top a name of its own.");
    }
  }
}

inline bool wants_gradient(const LayerContext& context, std::size_t bottom) {
  return bottom < context.propagate_down.size() && context.propagate_down[bottom];
}

}  // namespace olmp
