// A chain of layers on blobs with the batch innermost, (points, lanes): products with the kept weights of convolutions and
// inner products, ReLU and pooling between them, logits at the end. The chain itself never changes: weights come with each
// pass and blobs are in LaneBlocks, so that several passes may be under way at the same time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cpu/sparse_weights.h"
#include "engine/layer.h"

namespace olmp {

// The kept weights of one layer, and its biases by output; null: none.
struct LaneWeights {
  SparseProduct product;
  const float* bias = nullptr;
};

class LaneNet;
class LaneProduct;

// The blobs of a range of images. A lane without an image holds zeros, and whatever becomes of them.
class LaneBlock {
 public:
  LaneBlock(const LaneNet& net, int images, bool gradients);

  int images() const { return images_; }
  int lanes() const { return lanes_; }
  ImageRange range() const { return {lanes_, 0, lanes_}; }
  float* data(int slot) {
    Slot& found = slots_[static_cast<std::size_t>(slot)];
    return found.shared == nullptr ? found.data.get() : found.shared;
  }
  float* diff(int slot) { return slots_[static_cast<std::size_t>(slot)].diff.get(); }
  // Which element of a window a maximum is: of 2 x 2 taken along by a convolution, and of any pooling.
  std::int8_t* corners(int slot) { return slots_[static_cast<std::size_t>(slot)].corners.data(); }
  std::int32_t* places(int slot) { return slots_[static_cast<std::size_t>(slot)].places.data(); }
  // x (images, points of the input).
  void load(const float* x);
  // Reads the input, (points, lanes), from there.
  void share_input(float* x) { slots_.front().shared = x; }
  // x (images, points) -> to (points, lanes); lanes beyond the images are left as they are.
  static void turn(const float* x, std::int64_t images, std::int64_t points, float* to, std::int64_t lanes);
  std::int64_t memory_bytes() const;

 private:
  struct Slot {
    std::int64_t floats = 0;
    FloatBuffer data{nullptr, [](float*) {}};
    float* shared = nullptr;  // in the place of data
    FloatBuffer diff{nullptr, [](float*) {}};
    std::vector<std::int8_t> corners;
    std::vector<std::int32_t> places;
  };
  int images_;
  int lanes_;
  std::vector<Slot> slots_;
};

// Reads slot `from`, writes slot `to`.
class LaneLayer {
 public:
  LaneLayer(int from, int to) : from_(from), to_(to) {}
  virtual ~LaneLayer() = default;
  LaneLayer(const LaneLayer&) = delete;
  LaneLayer& operator=(const LaneLayer&) = delete;

  // This, where it is one.
  virtual const LaneProduct* product() const { return nullptr; }
  int from() const { return from_; }
  int to() const { return to_; }
  // `weights` of all the chain's products.
  virtual void forward(LaneBlock& block, const std::vector<LaneWeights>& weights) const = 0;
  // Overwrites the diff of `from`.
  virtual void backward(LaneBlock& block, const std::vector<LaneWeights>& weights) const = 0;

 protected:
  int from_;
  int to_;
};

// A Convolution, with the maxima of its pooling taken along or not, or an InnerProduct.
class LaneProduct final : public LaneLayer {
 public:
  struct Padding {
    int slot = -1;  // of the input with its padding around it; -1: none is needed
    int channels = 0;
    int input[2] = {0, 0};
    int pad[2] = {0, 0};
  };
  LaneProduct(int from, int to, int index, std::int64_t points, Padding padding, bool pooled)
      : LaneLayer(from, to), index_(index), points_(points), padding_(padding), pooled_(pooled) {}

  const LaneProduct* product() const override { return this; }
  void forward(LaneBlock& block, const std::vector<LaneWeights>& weights) const override;
  void backward(LaneBlock& block, const std::vector<LaneWeights>& weights) const override;
  int input_slot() const { return padding_.slot < 0 ? from_ : padding_.slot; }
  // The gradients over the block's images, by listed weight; and by output listed. `squared`: the sums of the squares of each
  // image's own instead.
  void weight_gradients(LaneBlock& block, const SparseProduct& list, bool squared, float* dw) const;
  // Of a convolution: dw (outputs, offsets) of the part.
  void part_gradients(LaneBlock& block, const SparseWeights& weights, const SparseWeights::Part& part, float* scratch,
                      float* dw) const;
  void bias_gradients(LaneBlock& block, const SparseProduct& list, const std::vector<std::int32_t>& outputs, bool squared,
                      float* db) const;
  // Among the chain's products.
  std::size_t index() const { return static_cast<std::size_t>(index_); }
 private:
  std::int8_t* corners(LaneBlock& block) const { return pooled_ ? block.corners(to_) : nullptr; }
  // Calls body(point in the padded input, point in the input).
  template <typename Body>
  void for_inside(const Body& body) const;

  int index_;
  std::int64_t points_;  // of the input as the product reads it, padding included
  Padding padding_;
  bool pooled_;
};

class LaneNet {
 public:
  // One of the net's products: its layer's place among those given to make(), and the list its weights are put in.
  struct Product {
    std::size_t layer = 0;
    SparseWeights list;               // empty
    std::int64_t dense_products = 0;  // multiplications per image with all weights kept
    // Inputs of it (SparseWeights::input_channel) to an output of the product before.
    int inputs_per_output = 1;
  };
  // A SoftmaxWithLoss or an Accuracy on the logits.
  struct Judge {
    std::size_t layer = 0;
    bool loss = false;
    std::int64_t top_k = 1;
  };

  // Of the layers of a net that are not sources, in order. Null where one of them, or the way they are connected, is not
  // known here: the net is then worked out layer by layer.
  static std::unique_ptr<LaneNet> make(const std::vector<LayerContext>& layers);

  const std::vector<std::unique_ptr<LaneLayer>>& layers() const { return layers_; }
  const std::vector<Product>& products() const { return products_; }
  const std::vector<Judge>& judges() const { return judges_; }
  int logits() const { return logits_; }  // slot
  int classes() const { return static_cast<int>(slots_[static_cast<std::size_t>(logits_)].points); }
  const Tensor& input() const { return *input_; }
  const Tensor& labels() const { return *labels_; }
  std::int64_t batch() const { return input_->shape[0]; }
  std::int64_t input_points() const { return slots_[0].points; }

 private:
  friend class LaneBlock;
  class Builder;
  enum class Marks { kNone, kCorners, kPlaces };
  struct Slot {
    std::int64_t points = 0;  // of one image
    bool has_diff = true;
    Marks marks = Marks::kNone;
  };

  LaneNet() = default;

  std::vector<Slot> slots_;  // the input first
  std::vector<std::unique_ptr<LaneLayer>> layers_;
  std::vector<Product> products_;
  std::vector<Judge> judges_;
  int logits_ = 0;
  const Tensor* input_ = nullptr;
  const Tensor* labels_ = nullptr;
};

}  // namespace olmp
