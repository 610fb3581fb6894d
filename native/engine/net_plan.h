// What can be said of a net before any memory is allocated: which layer reads which version of which blob, and which
// gradients are wanted.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace olmp {

// A blob as one layer wrote it. An in-place layer makes a new version of the blob it reads.
struct BlobVersion {
  struct Reader {
    std::size_t layer;
    std::size_t bottom;
  };
  std::string name;
  std::size_t layer = 0;  // the writer
  std::size_t top = 0;
  bool in_place = false;
  float loss_weight = 0;
  std::vector<Reader> readers;
};

struct LayerPlan {
  std::vector<std::size_t> bottoms;  // versions
  std::vector<std::size_t> tops;
  std::vector<bool> propagate_down;
  bool backward = false;             // runs in the backward pass
  bool parameter_gradients = false;
};

struct NetPlan {
  std::vector<BlobVersion> versions;
  std::vector<LayerPlan> layers;
  std::vector<std::size_t> outputs;  // unread versions, in order of appearance

  // Readers of a version that propagate a gradient to it, in net order.
  std::vector<BlobVersion::Reader> gradient_readers(std::size_t version) const;
  // Where a forward pass may begin again after a whole one, so that this layer and those after it find what they read: the
  // layer itself, or one before it where a layer in place has overwritten that.
  std::size_t restart(std::size_t layer) const;
};

// Throws Error("invalid-net") naming the layer where the description does not hold together.
NetPlan plan_net(const nlohmann::json& graph, bool gradients);

// The layer that alone reads the only top of a weighted layer, where its work may be done with that layer's own: MAX pooling
// of 2 x 2 by 2 behind a Convolution; a ReLU in place behind a Convolution or an InnerProduct.
std::optional<std::size_t> maxima_reader(const nlohmann::json& graph, const NetPlan& plan, std::size_t layer);
std::optional<std::size_t> rectifying_reader(const nlohmann::json& graph, const NetPlan& plan, std::size_t layer);

// Layers whose weights can be masked.
bool is_prunable(const std::string& layer_type);

// Layers whose top holds the bottom's numbers in the same order: they need no memory of their own.
bool keeps_elements(const std::string& layer_type);

// Sources are served by the net itself and have no Layer object.
bool is_source(const std::string& layer_type);

// False for inputs that have no gradient whatever the net: labels, indices, shape references (as each Caffe layer's
// Backward and AllowForceBackward have it).
bool can_propagate(const std::string& layer_type, std::size_t bottom);

}  // namespace olmp
