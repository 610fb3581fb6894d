// Softmax, ArgMax, Accuracy and the losses. Caffe's rules are those of the CPU backend's files of the same names. A loss
// stays on the device: its gradient reads the top's diff and the divisor there.
#include <algorithm>

#include "cpu/axis_view.h"
#include "cpu/infogain_matrix.h"
#include "cpu/loss.h"
#include "cuda/cuda_layer.h"
#include "cuda/kernels/loss.h"

namespace olmp::cuda {
namespace {

ClassView class_view(const LayerContext& context) {
  const AxisView view = axis_view(*context.bottoms.at(0), context.params.at("axis").get<int>(), context.name);
  return {view.outer, view.size, view.inner};
}

// One row per item of the batch.
ClassView item_view(const LayerContext& context) {
  const Tensor& blob = *context.bottoms.at(0);
  const Index batch = std::max<Index>(1, batch_size(blob));
  return {batch, blob.count() / batch, 1};
}

class LossLayer : public CudaLayer {
 public:
  LossLayer(LayerContext context, Device& device) : CudaLayer(std::move(context), device) {}

 protected:
  // `positions` are summed over, each candidate's own; `divisor` as in kernels/loss.h.
  void set_result(Index positions, Divisor divisor, float factor = 1) {
    parts_ = workspace<LossPart>(positions);
    arrived_ = workspace<unsigned>(1);
    divisor_ = workspace(ctx.candidates);
    result_ = {reinterpret_cast<LossPart*>(parts_.get()), reinterpret_cast<unsigned*>(arrived_.get()), top().data,
               divisor_.get(), divisor, factor, ctx.candidates};
  }
  // LossParameter.normalization over (outer, inner) positions.
  Divisor normalization(Index outer, Index inner) const {
    const Normalization rule(ctx.params, ctx.name);
    return {rule.counts_valid() ? 0 : rule.divisor(outer, inner, 0)};
  }
  // `ignoring`: the layer's ignore_label applies.
  void set_labels(bool ignoring) {
    const auto ignored = ignoring ? read_ignore_label(ctx.params) : std::nullopt;
    labels_ = {bottom(1).data, ctx.candidates > 1 ? bottom(1).count() : 0, ignored.has_value(), ignored.value_or(0),
               device_.place_of(ctx.name)};
  }

  const float* weight() const { return top().diff; }
  const float* divisor() const { return divisor_.get(); }

  LossResult result_;
  Labels labels_;

 private:
  FloatBuffer parts_ = no_buffer();
  FloatBuffer arrived_ = no_buffer();
  FloatBuffer divisor_ = no_buffer();
};

class Softmax final : public CudaLayer {
 public:
  Softmax(LayerContext context, Device& device) : CudaLayer(std::move(context), device), view_(class_view(ctx)) {
    require_count(top(), bottom().count(), ctx.name);
  }
  void forward() override { softmax_forward(stream(), view_, bottom().data, top().data); }
  void backward() override {
    if (wants(0)) softmax_backward(stream(), view_, top().data, top().diff, bottom().diff);
  }

 private:
  ClassView view_;
};

class SoftmaxWithLoss final : public LossLayer {
 public:
  SoftmaxWithLoss(LayerContext context, Device& device)
      : LossLayer(std::move(context), device), view_(class_view(ctx)), probabilities_(workspace(bottom().count())) {
    require_count(bottom(1), view_.outer * view_.inner / ctx.candidates, ctx.name);
    if (ctx.tops.size() > 1) require_count(top(1), bottom().count(), ctx.name);
    set_labels(true);
    const Divisor divisor = normalization(view_.outer / ctx.candidates, view_.inner);
    set_result(view_.outer * view_.inner, divisor);
    // Where the divisor is known beforehand, a net's backward pass starts from what forward leaves in the bottom's diff.
    const bool known = divisor.fixed > 0 || !labels_.ignores;
    makes_gradient_ = ctx.starts_from_loss_weights && known && view_.inner == 1 && wants(0) && ctx.loss_weights[0] != 0;
    const float images = divisor.fixed > 0 ? divisor.fixed : static_cast<float>(view_.outer);
    if (makes_gradient_) gradient_ = {bottom().diff, ctx.loss_weights[0] / images, {}};
  }

  bool has_made_gradient() const override { return makes_gradient_; }

  void forward() override {
    gradient_.teacher = teacher();
    softmax_loss(stream(), view_, bottom().data, labels_, result_, probabilities_.get(), gradient_);
    if (ctx.tops.size() > 1) copy(top(1).data, probabilities_.get(), bottom().count());
  }
  void backward() override {
    if (!wants(0) || makes_gradient_) return;
    const Distillation teacher = this->teacher();
    if (teacher.weight == 0) {
      softmax_loss_gradient(stream(), view_, probabilities_.get(), labels_, weight(), divisor(), bottom().diff);
      return;
    }
    distilled_loss_gradient(stream(), view_, bottom().data, probabilities_.get(), teacher, labels_, weight(), divisor(),
                            bottom().diff);
  }

  bool learn_from(const Teacher& teacher) override {
    if (view_.inner != 1) return false;
    teacher_ = &teacher;
    return true;
  }

 private:
  Distillation teacher() const {
    if (teacher_ == nullptr || teacher_->weight == 0) return {};
    return {teacher_->on_device.get(), teacher_->weight, teacher_->temperature};
  }

  ClassView view_;
  FloatBuffer probabilities_;
  LossGradient gradient_;
  bool makes_gradient_ = false;
  const Teacher* teacher_ = nullptr;
};

// BVLC: bottom 0 holds logits. Before 2017: probabilities, one label per item, the mean over the batch.
class InfogainLoss final : public LossLayer {
 public:
  InfogainLoss(LayerContext context, Device& device)
      : LossLayer(std::move(context), device), of_logits_(reads_logits(ctx)) {
    view_ = of_logits_ ? class_view(ctx) : item_view(ctx);
    const Index positions = view_.outer * view_.inner;
    require_count(bottom(1), positions, ctx.name);
    const Index gains = view_.channels * view_.channels;
    if (ctx.bottoms.size() > 2) {
      require_count(bottom(2), gains, ctx.name);
    } else {
      const auto matrix = read_infogain_matrix(ctx.params.at("source").get<std::string>(), view_.channels);
      matrix_ = workspace(gains);
      device_.copy_in(matrix_.get(), matrix.data(), gains);
    }
    if (of_logits_) {
      probabilities_ = workspace(bottom().count());
      if (ctx.tops.size() > 1) require_count(top(1), bottom().count(), ctx.name);
    }
    set_labels(of_logits_);
    set_result(positions, of_logits_ ? normalization(view_.outer, view_.inner)
                                     : Divisor{static_cast<float>(view_.outer)});
  }

  void forward() override {
    if (of_logits_) softmax_forward(stream(), view_, bottom().data, probabilities_.get());
    infogain_loss(stream(), view_, probabilities(), labels_, gains(), result_);
    if (of_logits_ && ctx.tops.size() > 1) copy(top(1).data, probabilities_.get(), bottom().count());
  }
  void backward() override {
    if (!wants(0)) return;
    const auto gradient = of_logits_ ? infogain_logits_gradient : infogain_gradient;
    gradient(stream(), view_, probabilities(), labels_, gains(), weight(), divisor(), bottom().diff);
  }

 private:
  static bool reads_logits(const LayerContext& context) {
    const auto input = context.params.at("input").get<std::string>();
    if (input == "LOGITS") return true;
    if (input == "PROBABILITIES") return false;
    throw Error("bad-parameter", "layer '" + context.name + "': InfogainLoss takes LOGITS or PROBABILITIES, not '" +
                                     input + "'");
  }
  const float* probabilities() const { return of_logits_ ? probabilities_.get() : bottom().data; }
  const float* gains() const { return matrix_ ? matrix_.get() : bottom(2).data; }

  bool of_logits_;
  ClassView view_;
  FloatBuffer probabilities_ = no_buffer();
  FloatBuffer matrix_ = no_buffer();
};

class MultinomialLogisticLoss final : public LossLayer {
 public:
  MultinomialLogisticLoss(LayerContext context, Device& device)
      : LossLayer(std::move(context), device), view_(item_view(ctx)) {
    require_count(bottom(1), view_.outer, ctx.name);
    set_labels(false);
    set_result(view_.outer, {static_cast<float>(view_.outer)});
  }
  void forward() override { multinomial_loss(stream(), view_, bottom().data, labels_, result_); }
  void backward() override {
    if (!wants(0)) return;
    multinomial_gradient(stream(), view_, bottom().data, labels_, weight(), divisor(), bottom().diff);
  }

 private:
  ClassView view_;
};

class SigmoidCrossEntropyLoss final : public LossLayer {
 public:
  SigmoidCrossEntropyLoss(LayerContext context, Device& device) : LossLayer(std::move(context), device) {
    require_count(bottom(1), bottom().count(), ctx.name);
    set_labels(true);
    const Index outer = std::max<Index>(1, batch_size(bottom()));
    set_result(bottom().count(), normalization(outer, bottom().count() / outer));
  }
  void forward() override { sigmoid_loss(stream(), bottom().data, labels_, bottom().count(), result_); }
  void backward() override {
    if (!wants(0)) return;
    sigmoid_loss_gradient(stream(), bottom().data, labels_, bottom().count(), weight(), divisor(), bottom().diff);
  }
};

class EuclideanLoss final : public LossLayer {
 public:
  EuclideanLoss(LayerContext context, Device& device) : LossLayer(std::move(context), device) {
    require_count(bottom(1), bottom().count(), ctx.name);
    set_result(bottom().count(), {static_cast<float>(batch_size(bottom()))}, 0.5F);
  }
  void forward() override {
    euclidean_loss(stream(), bottom(0).data, bottom(1).data, bottom().count(), result_);
  }
  void backward() override {
    for (std::size_t k = 0; k < 2; ++k) {
      if (!wants(k)) continue;
      euclidean_gradient(stream(), bottom(0).data, bottom(1).data, bottom().count(), k == 0 ? 1.0F : -1.0F, weight(),
                         divisor(), bottom(k).diff);
    }
  }
};

class HingeLoss final : public LossLayer {
 public:
  HingeLoss(LayerContext context, Device& device) : LossLayer(std::move(context), device), view_(item_view(ctx)) {
    const auto norm = ctx.params.at("norm").get<std::string>();
    if (norm != "L1" && norm != "L2") {
      throw Error("bad-parameter", "layer '" + ctx.name + "': unknown norm '" + norm + "' (L1 and L2 are known)");
    }
    squared_ = norm == "L2";
    require_count(bottom(1), view_.outer, ctx.name);
    set_labels(false);
    set_result(view_.outer, {static_cast<float>(view_.outer)});
  }
  void forward() override { hinge_loss(stream(), view_, squared_, bottom().data, labels_, result_); }
  void backward() override {
    if (!wants(0)) return;
    hinge_gradient(stream(), view_, squared_, bottom().data, labels_, weight(), divisor(), bottom().diff);
  }

 private:
  ClassView view_;
  bool squared_ = false;
};

class ContrastiveLoss final : public LossLayer {
 public:
  ContrastiveLoss(LayerContext context, Device& device) : LossLayer(std::move(context), device) {
    const ClassView view = item_view(ctx);
    numbers_ = {view.outer, view.channels, ctx.params.at("margin").get<float>(),
                ctx.params.at("legacy_version").get<bool>()};
    require_count(bottom(1), bottom().count(), ctx.name);
    require_count(bottom(2), numbers_.batch, ctx.name);
    squared_ = workspace(numbers_.batch);
    set_result(numbers_.batch, {static_cast<float>(numbers_.batch)}, 0.5F);
  }
  void forward() override {
    contrastive_loss(stream(), numbers_, bottom(0).data, bottom(1).data, bottom(2).data, squared_.get(), result_);
  }
  void backward() override {
    for (std::size_t k = 0; k < 2; ++k) {
      if (!wants(k)) continue;
      contrastive_gradient(stream(), numbers_, bottom(0).data, bottom(1).data, bottom(2).data, squared_.get(),
                           k == 0 ? 1.0F : -1.0F, weight(), divisor(), bottom(k).diff);
    }
  }

 private:
  Contrast numbers_;
  FloatBuffer squared_ = no_buffer();
};

class Accuracy final : public LossLayer {
 public:
  Accuracy(LayerContext context, Device& device)
      : LossLayer(std::move(context), device),
        view_(class_view(ctx)),
        top_k_(ctx.params.at("top_k").get<Index>()),
        hits_(workspace(view_.outer * view_.inner)) {
    require_count(bottom(1), view_.outer * view_.inner / ctx.candidates, ctx.name);
    if (ctx.tops.size() > 1) require_count(top(1), view_.channels, ctx.name);
    set_labels(true);
    set_result(view_.outer * view_.inner, {});
  }
  void forward() override {
    accuracy(stream(), view_, top_k_, bottom().data, labels_, hits_.get(), result_,
             ctx.tops.size() > 1 ? top(1).data : nullptr);
  }

 private:
  ClassView view_;
  Index top_k_;
  FloatBuffer hits_;
};

class ArgMax final : public CudaLayer {
 public:
  ArgMax(LayerContext context, Device& device)
      : CudaLayer(std::move(context), device),
        values_(ctx.params.at("out_max_val").get<bool>()),
        has_axis_(!ctx.params.at("axis").is_null()),
        top_k_(ctx.params.at("top_k").get<Index>()),
        view_(has_axis_ ? class_view(ctx) : item_view(ctx)) {
    if (top_k_ < 1 || top_k_ > view_.channels) {
      throw Error("bad-parameter", "layer '" + ctx.name + "': top_k must be between 1 and the number of entries, " +
                                       std::to_string(view_.channels));
    }
    require_count(top(), view_.outer * top_k_ * view_.inner * (both() ? 2 : 1), ctx.name);
  }

  // With an axis: indices, or values. Without: (N, 1, top_k) indices, or (N, 2, top_k) indices and values.
  void forward() override {
    float* indices = has_axis_ && values_ ? nullptr : top().data;
    float* values = both() ? top().data + top_k_ : (values_ ? top().data : nullptr);
    arg_max(stream(), view_, top_k_, bottom().data, top_k_ * view_.inner * (both() ? 2 : 1), indices, values);
  }

 private:
  bool both() const { return !has_axis_ && values_; }

  bool values_;
  bool has_axis_;
  Index top_k_;
  ClassView view_;
};

}  // namespace

void add_loss_layers(DeviceLayerRegistry& registry) {
  registry["Softmax"] = make<Softmax>;
  registry["ArgMax"] = make<ArgMax>;
  registry["Accuracy"] = make<Accuracy>;
  registry["SoftmaxWithLoss"] = make<SoftmaxWithLoss>;
  registry["InfogainLoss"] = make<InfogainLoss>;
  registry["MultinomialLogisticLoss"] = make<MultinomialLogisticLoss>;
  registry["SigmoidCrossEntropyLoss"] = make<SigmoidCrossEntropyLoss>;
  registry["EuclideanLoss"] = make<EuclideanLoss>;
  registry["HingeLoss"] = make<HingeLoss>;
  registry["ContrastiveLoss"] = make<ContrastiveLoss>;
}

}  // namespace olmp::cuda
