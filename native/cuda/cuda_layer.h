// What the CUDA backend's layers share.
#pragma once

#include <functional>
#include <initializer_list>
#include <utility>

#include "cpu/checks.h"
#include "cuda/device.h"
#include "cuda/kernels/arrays.h"
#include "engine/backend.h"
#include "engine/layer.h"

namespace olmp::cuda {

inline FloatBuffer no_buffer() { return FloatBuffer(nullptr, [](float*) {}); }

class CudaLayer : public Layer {
 public:
  CudaLayer(LayerContext context, Device& device) : Layer(std::move(context)), device_(device) {}
  std::int64_t workspace_bytes() const override { return workspace_; }

 protected:
  const Stream& stream() const { return device_.stream(); }
  bool wants(std::size_t bottom) const { return wants_gradient(ctx, bottom); }

  // Device memory beside blobs and parameters.
  template <typename Value = float>
  FloatBuffer workspace(Index count) {
    workspace_ += count * static_cast<Index>(sizeof(Value));
    return device_.allocate(floats_for<Value>(count), "layer '" + ctx.name + "'");
  }

  void copy(float* to, const float* from, Index floats) const {
    if (to != from) device_.copy_within(to, from, floats);
  }

  // To be called before a gradient is added: the factor, 0 or 1, of what the diff holds already. As in the authors' code
  // (cinner_product_layer.cpp), gradients gathered before a masked layer's backward lose those of pruned weights.
  float begin_gradient(Parameter& parameter) const {
    if (parameter.diff_cleared) {
      parameter.diff_cleared = false;
      return 0.0F;
    }
    if (parameter.mask != nullptr) {
      multiply(stream(), parameter.tensor.diff, parameter.tensor.diff, parameter.mask, parameter.tensor.count());
    }
    return 1.0F;
  }

  // The same for gradients that are added to what is there.
  float* begin_addition(Parameter& parameter) const {
    float* diff = parameter.tensor.diff;
    if (begin_gradient(parameter) == 0.0F) fill(stream(), diff, 0, parameter.tensor.count());
    return diff;
  }

  Device& device_;

 private:
  Index workspace_ = 0;
};

using DeviceLayerRegistry = std::map<std::string, std::function<std::unique_ptr<Layer>(LayerContext, Device&)>>;

template <class LayerType>
std::unique_ptr<Layer> make(LayerContext context, Device& device) {
  return std::make_unique<LayerType>(std::move(context), device);
}

// Each <group>_layers.cpp adds its types.
void add_neuron_layers(DeviceLayerRegistry& registry);
void add_weighted_layers(DeviceLayerRegistry& registry);
void add_learnable_layers(DeviceLayerRegistry& registry);
void add_window_layers(DeviceLayerRegistry& registry);
void add_shape_layers(DeviceLayerRegistry& registry);
void add_loss_layers(DeviceLayerRegistry& registry);

}  // namespace olmp::cuda
