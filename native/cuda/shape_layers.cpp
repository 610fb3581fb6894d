// Layers that move, combine or reduce blobs.
#include <algorithm>

#include "cpu/axis_view.h"
#include "cuda/cuda_layer.h"
#include "cuda/kernels/layout.h"
#include "engine/error.h"

namespace olmp::cuda {
namespace {

[[noreturn]] void refuse_parameter(const LayerContext& context, const std::string& why) {
  throw Error("bad-parameter", "layer '" + context.name + "': " + why);
}

// The parts of a whole along an axis: its bottoms (Concat) or its tops (Slice).
class PartsLayer : public CudaLayer {
 public:
  PartsLayer(LayerContext context, Device& device, bool slices)
      : CudaLayer(std::move(context), device),
        parts_(slices ? ctx.tops : ctx.bottoms),
        outer_(axis_view(slices ? bottom() : top(), ctx.params.at("axis").get<int>(), ctx.name).outer) {
    const Tensor& whole = slices ? bottom() : top();
    Index total = 0;
    for (const Tensor* part : parts_) total += part->count();
    require_count(whole, total, ctx.name);
    row_ = total / outer_;
  }

 protected:
  void join(float* whole, bool diff) const {
    for (const Tensor* part : parts_) {
      const Index length = part->count() / outer_;
      copy_rows(stream(), whole, row_, diff ? part->diff : part->data, length, outer_, length);
      whole += length;
    }
  }

  void cut(const float* whole, bool diff) const {
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      const Index length = parts_[i]->count() / outer_;
      float* to = diff ? parts_[i]->diff : parts_[i]->data;
      if (!diff || wants(i)) copy_rows(stream(), to, length, whole, row_, outer_, length);
      whole += length;
    }
  }

 private:
  std::vector<Tensor*> parts_;
  Index outer_;
  Index row_ = 0;
};

class Concat final : public PartsLayer {
 public:
  Concat(LayerContext context, Device& device) : PartsLayer(std::move(context), device, false) {}
  void forward() override { join(top().data, false); }
  void backward() override { cut(top().diff, true); }
};

class Slice final : public PartsLayer {
 public:
  Slice(LayerContext context, Device& device) : PartsLayer(std::move(context), device, true) {}
  void forward() override { cut(bottom().data, false); }
  void backward() override {
    if (wants(0)) join(bottom().diff, true);
  }
};

// An in-place layer's bottom 0 and top share memory, so bottom 0 is read first and its gradient is written last.
class Eltwise : public CudaLayer {
 public:
  Eltwise(LayerContext context, Device& device) : CudaLayer(std::move(context), device), count_(top().count()) {
    for (const Tensor* operand : ctx.bottoms) require_count(*operand, count_, ctx.name);
    if (ctx.bottoms.size() < 2) refuse_parameter(ctx, "Eltwise needs at least two bottoms");
  }

  void backward() override {
    for (std::size_t i = ctx.bottoms.size(); i-- > 0;) {
      if (wants(i)) gradient(i);
    }
  }

 protected:
  virtual void gradient(std::size_t i) = 0;
  Index count_;
};

class Sum final : public Eltwise {
 public:
  Sum(LayerContext context, Device& device) : Eltwise(std::move(context), device) {
    coefficients_ = ctx.params.at("coeff").get<std::vector<float>>();
    if (coefficients_.empty()) coefficients_.assign(ctx.bottoms.size(), 1.0F);
    if (coefficients_.size() != ctx.bottoms.size()) refuse_parameter(ctx, "Eltwise needs one coeff per bottom");
  }

  void forward() override {
    scale(stream(), top().data, bottom().data, coefficients_[0], count_);
    for (std::size_t k = 1; k < ctx.bottoms.size(); ++k) {
      add_scaled(stream(), top().data, bottom(k).data, coefficients_[k], count_);
    }
  }

 private:
  void gradient(std::size_t i) override {
    if (bottom(i).diff == top().diff && coefficients_[i] == 1.0F) return;
    scale(stream(), bottom(i).diff, top().diff, coefficients_[i], count_);
  }

  std::vector<float> coefficients_;
};

class EltwiseProduct final : public Eltwise {
 public:
  EltwiseProduct(LayerContext context, Device& device) : Eltwise(std::move(context), device) {
    bool gradient_wanted = false;
    for (std::size_t i = 0; i < ctx.bottoms.size(); ++i) gradient_wanted = gradient_wanted || wants(i);
    if (gradient_wanted) others_ = workspace(count_);
    if (gradient_wanted && bottom().data == top().data) kept_ = workspace(count_);
  }

  void forward() override {
    if (kept_) copy(kept_.get(), bottom().data, count_);
    multiply(stream(), top().data, bottom(0).data, bottom(1).data, count_);
    for (std::size_t k = 2; k < ctx.bottoms.size(); ++k) {
      multiply(stream(), top().data, top().data, bottom(k).data, count_);
    }
  }

 private:
  // Caffe's stable_prod_grad: the product of the others, not y / x, so that zeros do no harm.
  void gradient(std::size_t wanted) override {
    const float* product = top().diff;
    for (std::size_t k = 0; k < ctx.bottoms.size(); ++k) {
      if (k == wanted) continue;
      const float* operand = k == 0 && kept_ ? kept_.get() : bottom(k).data;
      multiply(stream(), others_.get(), product, operand, count_);
      product = others_.get();
    }
    copy(bottom(wanted).diff, product, count_);
  }

  FloatBuffer others_ = no_buffer();
  FloatBuffer kept_ = no_buffer();
};

class Maximum final : public Eltwise {
 public:
  Maximum(LayerContext context, Device& device)
      : Eltwise(std::move(context), device), winner_(workspace<int>(count_)) {}

  void forward() override {
    maximum_of_two(stream(), bottom(0).data, bottom(1).data, top().data, winner(), count_);
    for (std::size_t k = 2; k < ctx.bottoms.size(); ++k) {
      maximum_with(stream(), bottom(k).data, static_cast<int>(k), top().data, winner(), count_);
    }
  }

 private:
  void gradient(std::size_t i) override {
    gradient_of_winner(stream(), winner(), static_cast<int>(i), top().diff, bottom(i).diff, count_);
  }
  int* winner() const { return reinterpret_cast<int*>(winner_.get()); }

  FloatBuffer winner_;
};

std::unique_ptr<Layer> make_eltwise(LayerContext context, Device& device) {
  const auto operation = context.params.at("operation").get<std::string>();
  if (operation == "SUM") return make<Sum>(std::move(context), device);
  if (operation == "PROD") return make<EltwiseProduct>(std::move(context), device);
  if (operation == "MAX") return make<Maximum>(std::move(context), device);
  refuse_parameter(context, "unknown Eltwise operation '" + operation + "' (SUM, PROD and MAX are known)");
}

// Copies of one blob; its gradient is the sum of theirs. Tops that share the bottom's memory are left alone.
class Split final : public CudaLayer {
 public:
  Split(LayerContext context, Device& device) : CudaLayer(std::move(context), device) {
    for (const Tensor* top : ctx.tops) require_count(*top, bottom().count(), ctx.name);
    if (wants(0) && ctx.tops.size() > 1) sum_ = workspace(bottom().count());
  }

  void forward() override {
    for (const Tensor* top : ctx.tops) copy(top->data, bottom().data, bottom().count());
  }

  // Through memory of its own, because the bottom's diff may be one of the tops'.
  void backward() override {
    if (!wants(0)) return;
    const Index n = bottom().count();
    if (!sum_) return copy(bottom().diff, top().diff, n);
    copy(sum_.get(), top(0).diff, n);
    for (std::size_t k = 1; k < ctx.tops.size(); ++k) add(stream(), sum_.get(), top(k).diff, n);
    copy(bottom().diff, sum_.get(), n);
  }

 private:
  FloatBuffer sum_ = no_buffer();
};

// Flatten and Reshape: where the net lets top and bottom share memory there is nothing to do.
class Reinterpretation final : public CudaLayer {
 public:
  Reinterpretation(LayerContext context, Device& device) : CudaLayer(std::move(context), device) {
    require_count(top(), bottom().count(), ctx.name);
  }
  void forward() override { copy(top().data, bottom().data, bottom().count()); }
  void backward() override {
    if (wants(0)) copy(bottom().diff, top().diff, bottom().count());
  }
};

class Reduction final : public CudaLayer {
 public:
  Reduction(LayerContext context, Device& device)
      : CudaLayer(std::move(context), device),
        rows_(top().count()),
        length_(bottom().count() / std::max<Index>(1, rows_)),
        coefficient_(ctx.params.at("coeff").get<float>()) {
    const auto operation = ctx.params.at("operation").get<std::string>();
    if (operation == "ASUM") {
      operation_ = Reduce::kAsum;
    } else if (operation == "SUMSQ") {
      operation_ = Reduce::kSumsq;
    } else if (operation != "SUM" && operation != "MEAN") {
      refuse_parameter(ctx, "unknown Reduction operation '" + operation + "' (SUM, ASUM, SUMSQ and MEAN are known)");
    }
    require_count(bottom(), rows_ * length_, ctx.name);
    if (operation == "MEAN") coefficient_ /= static_cast<float>(length_);
  }

  void forward() override {
    reduce_forward(stream(), operation_, rows_, length_, coefficient_, bottom().data, top().data);
  }
  void backward() override {
    if (!wants(0)) return;
    reduce_backward(stream(), operation_, rows_, length_, coefficient_, top().diff, bottom().data, bottom().diff);
  }

 private:
  Reduce operation_ = Reduce::kSum;
  Index rows_;
  Index length_;
  float coefficient_;
};

class Tile final : public CudaLayer {
 public:
  Tile(LayerContext context, Device& device)
      : CudaLayer(std::move(context), device), tiles_(ctx.params.at("tiles").get<int>()) {
    const AxisView view = axis_view(bottom(), ctx.params.at("axis").get<int>(), ctx.name);
    outer_ = view.outer;
    block_ = view.size * view.inner;
    require_count(top(), outer_ * tiles_ * block_, ctx.name);
  }
  void forward() override { tile_forward(stream(), outer_, tiles_, block_, bottom().data, top().data); }
  void backward() override {
    if (wants(0)) tile_backward(stream(), outer_, tiles_, block_, top().diff, bottom().diff);
  }

 private:
  Index tiles_;
  Index outer_ = 0;
  Index block_ = 0;
};

class Mvn final : public CudaLayer {
 public:
  Mvn(LayerContext context, Device& device)
      : CudaLayer(std::move(context), device), eps_(ctx.params.at("eps").get<float>()) {
    require_count(top(), bottom().count(), ctx.name);
    const std::size_t axes = ctx.params.at("across_channels").get<bool>() ? 1 : 2;
    rows_ = count(bottom().shape, 0, axes);
    length_ = count(bottom().shape, axes);
    if (ctx.params.at("normalize_variance").get<bool>()) deviation_ = workspace(rows_);
  }
  void forward() override {
    mvn_forward(stream(), rows_, length_, eps_, bottom().data, top().data, deviation_.get());
  }
  void backward() override {
    if (wants(0)) mvn_backward(stream(), rows_, length_, top().diff, top().data, deviation_.get(), bottom().diff);
  }

 private:
  float eps_;
  Index rows_ = 0;
  Index length_ = 0;
  FloatBuffer deviation_ = no_buffer();
};

// Reads blobs nobody else wants, so that they are no outputs of the net; their gradient is zero.
class Silence final : public CudaLayer {
 public:
  Silence(LayerContext context, Device& device) : CudaLayer(std::move(context), device) {}
  void forward() override {}
  void backward() override {
    for (std::size_t i = 0; i < ctx.bottoms.size(); ++i) {
      if (wants(i)) fill(stream(), bottom(i).diff, 0, bottom(i).count());
    }
  }
};

// Cuts bottom 0 to bottom 1's size from `axis` on. Bottom 1 gives nothing but its shape, so its gradient is zero.
class Crop final : public CudaLayer {
 public:
  Crop(LayerContext context, Device& device) : CudaLayer(std::move(context), device) {
    const Shape& whole = bottom().shape;
    const Shape& part = top().shape;
    const auto given = ctx.params.at("offset").get<std::vector<int>>();
    int axis = ctx.params.at("axis").get<int>();
    if (axis < 0) axis += static_cast<int>(whole.size());
    if (axis < 0 || part.size() != whole.size() || given.size() + static_cast<std::size_t>(axis) != whole.size() ||
        whole.size() > static_cast<std::size_t>(kMaxAxes)) {
      throw Error("shape-mismatch", "layer '" + ctx.name + "': Crop needs one offset per axis from 'axis' on");
    }
    geometry_.axes = static_cast<int>(whole.size());
    for (std::size_t i = 0; i < whole.size(); ++i) {
      const auto first = static_cast<std::size_t>(axis);
      geometry_.whole[i] = whole[i];
      geometry_.part[i] = part[i];
      geometry_.offset[i] = i < first ? 0 : given[i - first];
      if (geometry_.offset[i] < 0 || part[i] > whole[i] || geometry_.offset[i] > whole[i] - part[i]) {
        throw Error("shape-mismatch", "layer '" + ctx.name + "': the crop reaches past axis " + std::to_string(i) +
                                          " of blob '" + bottom().name + "' (offset " +
                                          std::to_string(geometry_.offset[i]) + ", size " + std::to_string(part[i]) +
                                          " of " + std::to_string(whole[i]) + ")");
      }
    }
    geometry_.count = top().count();
  }

  void forward() override { crop(stream(), geometry_, bottom().data, top().data); }

  void backward() override {
    if (wants(1)) fill(stream(), bottom(1).diff, 0, bottom(1).count());
    if (!wants(0)) return;
    fill(stream(), bottom().diff, 0, bottom().count());
    uncrop(stream(), geometry_, top().diff, bottom().diff);
  }

 private:
  CropGeometry geometry_;
};

}  // namespace

void add_shape_layers(DeviceLayerRegistry& registry) {
  registry["Concat"] = make<Concat>;
  registry["Slice"] = make<Slice>;
  registry["Eltwise"] = make_eltwise;
  registry["Split"] = make<Split>;
  registry["Flatten"] = make<Reinterpretation>;
  registry["Reshape"] = make<Reinterpretation>;
  registry["Reduction"] = make<Reduction>;
  registry["Tile"] = make<Tile>;
  registry["MVN"] = make<Mvn>;
  registry["Silence"] = make<Silence>;
  registry["Crop"] = make<Crop>;
}

}  // namespace olmp::cuda
