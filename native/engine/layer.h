// A layer is nothing but its forward and backward kernels: shapes, defaults and names come resolved in the description
// (made by main/net), so a backend implements a layer by one class and registers it under Caffe's type name.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/random.h"
#include "engine/tensor.h"

namespace olmp {

enum class Phase { kTrain, kTest };

struct Mask;  // engine/mask.h

// The kept elements of a frozen parameter side by side, in the order of their places.
struct GatheredParameter {
  std::vector<float> value;
  std::vector<float> diff;
  std::vector<float> history[2];
};

// A learnable blob, owned by the session's ParameterStore and shared between the train and the test net.
struct Parameter {
  std::string layer;
  int slot = 0;
  Tensor tensor;             // data = W, diff = gradient (accumulated into, never overwritten, as in Caffe)
  float lr_mult = 1;
  float decay_mult = 1;
  int prunable = -1;         // index of the prunable layer, or -1
  // Layers read weights through `effective`: W * mask where a mask is set, else W itself. Kept up to date by the owner.
  FloatBuffer masked_buffer{nullptr, [](float*) {}};
  FloatBuffer mask_buffer{nullptr, [](float*) {}};
  // Set by who would clear diff: what is in it counts as zero, and the next gradient overwrites it (and unsets this).
  bool diff_cleared = false;
  float* mask = nullptr;     // 0/1 floats, or null: not masked
  std::int64_t kept = 0;     // ones in the mask, or Backend::kNotCounted; meaningful where masked
  std::uint64_t mask_version = 0;  // another after every change of the mask, so that what is made of it can be kept
  // While masks are frozen (Masks::freeze): where the mask is 1, ascending, on backends that gather. Gradients and updates
  // are confined to these places; what the diff holds elsewhere has no meaning.
  std::vector<std::int32_t> kept_places;
  bool frozen = false;
  // Where not null, these are the kept elements, and those of the tensor, of the masked values and of the solver's history are
  // out of date (Solver::gather).
  GatheredParameter* gathered = nullptr;
  const float* effective = nullptr;
};

// Between a Convolution and the MAX pooling of 2 x 2 by 2 that alone reads its top. Where blobs need not be kept, the
// convolution may write the maxima itself; its own top and that top's diff are then neither written nor read.
struct FusedMaxima {
  const bool& keep_blobs;  // the net's
  Tensor* top = nullptr;   // the pooling's
  bool taken = false;      // in the pass underway
};

// Between a Convolution or an InnerProduct and the ReLU that works in place on its top and alone reads it. A backend may do
// the ReLU's work with the layer's own, forward and backward; the ReLU then does nothing.
struct FusedRectifier {
  float negative_slope = 0;
  bool taken = false;  // decided when the layers are made
};

// What a layer is built from. References stay valid for the life of the net.
struct LayerContext {
  std::string name;
  std::string type;                  // Caffe's type name
  const nlohmann::json& params;      // LayerParams[type] of main/net/graph.ts
  Phase phase;
  std::vector<Tensor*> bottoms;
  std::vector<Tensor*> tops;         // shapes set, data allocated (unless the layer aliases, see Layer::aliases_bottom)
  std::vector<Parameter*> parameters;
  std::vector<float> loss_weights;   // one per top
  std::vector<bool> propagate_down;  // one per bottom: a gradient towards it is wanted
  bool parameter_gradients = true;   // false in nets that never run backward
  Random* random = nullptr;          // the session's generator (dropout, stochastic pooling)
  int threads = 1;
  // The layer is part of a net, whose backward passes start from the loss weights of its layers.
  bool starts_from_loss_weights = false;
  FusedMaxima* maxima = nullptr;  // of the two layers that share one
  FusedRectifier* rectifier = nullptr;  // likewise
  // Nets side by side that differ in their masked weights: a layer of prunable weights reads those of one after the other
  // at `effective`; its bottom 0 holds the batches of all or, where `same_bottom` says so, one for all; tops hold those of
  // all. A loss or an accuracy gives one number for each from labels that are the same for all. Layers that draw random
  // numbers draw the same for each.
  int candidates = 1;
  bool same_bottom = false;
};

// What a loss learns from beside its labels: a teacher's logits for the batch (Hinton, Vinyals, Dean, Distilling the
// Knowledge in a Neural Network, 2015).
struct Teacher {
  std::vector<float> logits;  // (batch, classes)
  FloatBuffer on_device{nullptr, [](float*) {}};  // the same, on backends that queue steps
  float weight = 0;           // 0: labels alone
  float temperature = 1;
};

// Where the squares of a parameter's gradients are summed; null: of no interest.
using SquareSums = std::function<float*(const Parameter&)>;

class Layer {
 public:
  explicit Layer(LayerContext context) : ctx(std::move(context)) {}
  virtual ~Layer() = default;
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;

  // Before every forward pass, also those that a device does again from a recording: decides, on the host, what the pass
  // leaves out.
  virtual void begin_pass() {}
  // Reads bottoms' data, writes tops' data.
  virtual void forward() = 0;
  // True where forward() has left already what backward() would make of the loss weight: nobody then needs its tops' diff.
  virtual bool has_made_gradient() const { return false; }
  // Reads tops' diff (and data), overwrites the diff of every bottom i with propagate_down[i], adds into the parameters'
  // diff. Layers without a gradient (Accuracy, ArgMax, Threshold) leave it empty.
  virtual void backward() {}
  // Adds the square of each image's own gradient to the sums of the parameters, from the bottoms' data and the tops' diff
  // that backward() has seen; where a parameter is masked, at the kept places at least. False where the layer cannot.
  virtual bool add_squared_gradients(const SquareSums& /*sums*/) { return false; }
  // From the next backward pass on; `teacher` outlives the layer. False where the layer is not a loss that can.
  virtual bool learn_from(const Teacher& /*teacher*/) { return false; }
  const std::string& name() const { return ctx.name; }
  // Bytes held beside blobs and parameters (column buffers, saved masks).
  virtual std::int64_t workspace_bytes() const { return 0; }

 protected:
  LayerContext ctx;
  Tensor& bottom(std::size_t i = 0) const { return *ctx.bottoms[i]; }
  Tensor& top(std::size_t i = 0) const { return *ctx.tops[i]; }
};

using LayerFactory = std::function<std::unique_ptr<Layer>(LayerContext)>;

}  // namespace olmp
