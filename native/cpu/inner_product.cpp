// Y = X W^T + b over the axes from `axis` on (Caffe's InnerProduct; the OLMP fork's CInnerProduct where a mask is set).
#include "cpu/checks.h"
#include "cpu/gemm.h"
#include "cpu/kernels/kernels.h"
#include "cpu/parameter_gradient.h"
#include "cpu/register.h"
#include "cpu/sparse_blobs.h"
#include "cpu/squared_gradients.h"

namespace olmp {
namespace {

class InnerProduct final : public Layer {
 public:
  explicit InnerProduct(LayerContext context)
      : Layer(std::move(context)),
        outputs_(ctx.params.at("num_output").get<int>()),
        bias_(ctx.params.at("bias_term").get<bool>()),
        transposed_(ctx.params.at("transpose").get<bool>()) {
    require_blobs(ctx, 1, 1);
    require_not_in_place(ctx);
    const int axis = ctx.params.at("axis").get<int>();
    require(axis >= 0 && static_cast<std::size_t>(axis) <= bottom().shape.size(), ctx,
            "its axis lies outside blob '" + bottom().name + "'.");
    rows_ = bottom().outer(axis);
    inputs_ = bottom().inner(axis);
    const int inputs = static_cast<int>(inputs_);
    std::vector<Shape> shapes{transposed_ ? Shape{inputs, outputs_} : Shape{outputs_, inputs}};
    if (bias_) shapes.push_back({outputs_});
    require_parameters(ctx, shapes);
    require(top().count() == rows_ * outputs_, ctx, "blob '" + top().name + "' does not fit its number of outputs.");
    sparse_ = std::make_unique<SparseBlobs>(
        SparseLayer::inner_product(outputs_, inputs, transposed_, rows_, ctx.threads), rows_, inputs_, outputs_,
        ctx.threads, ctx.name);
  }

  // X (rows, inputs), W (outputs, inputs) or transposed (inputs, outputs), Y (rows, outputs)
  void forward() override {
    const float* weights = ctx.parameters[0]->effective;
    if (sparse_->suits(*ctx.parameters[0])) {
      sparse_->forward(bottom().data, weights, bias_ ? ctx.parameters[1]->effective : nullptr, top().data, false);
      return;
    }
    gemm(Transpose::kNo, transposed_ ? Transpose::kNo : Transpose::kYes, rows_, outputs_, inputs_, 1, bottom().data,
         inputs_, weights, transposed_ ? outputs_ : inputs_, 0, top().data, outputs_);
    if (!bias_) return;
    const Kernels& kernels = cpu_kernels();
    for (std::int64_t row = 0; row < rows_; ++row) {
      kernels.add(top().data + row * outputs_, ctx.parameters[1]->effective, outputs_);
    }
  }

  void backward() override {
    const float* dy = top().diff;
    // The gradients of weights that may come back are the dense product's.
    const bool sparse_gradients = sparse_->in_use() && ctx.parameters[0]->frozen;
    if (sparse_->in_use() && (sparse_gradients || wants_gradient(ctx, 0))) sparse_->take_gradient(dy);
    if (ctx.parameter_gradients && sparse_gradients) {
      sparse_->backward_weights(*ctx.parameters[0]);
      if (bias_) sparse_->backward_bias(*ctx.parameters[1]);
    } else if (ctx.parameter_gradients) {
      Parameter& weights = *ctx.parameters[0];
      const float beta = begin_gradient(weights);
      if (transposed_) {
        gemm(Transpose::kYes, Transpose::kNo, inputs_, outputs_, rows_, 1, bottom().data, inputs_, dy, outputs_, beta,
             weights.tensor.diff, outputs_);
      } else {
        gemm(Transpose::kYes, Transpose::kNo, outputs_, inputs_, rows_, 1, dy, outputs_, bottom().data, inputs_, beta,
             weights.tensor.diff, inputs_);
      }
      if (bias_) {
        float* diff = begin_addition(*ctx.parameters[1]);
        for (std::int64_t row = 0; row < rows_; ++row) cpu_kernels().add(diff, dy + row * outputs_, outputs_);
      }
    }
    if (wants_gradient(ctx, 0) && sparse_->in_use()) {
      sparse_->backward_data(bottom().diff);
    } else if (wants_gradient(ctx, 0)) {
      gemm(Transpose::kNo, transposed_ ? Transpose::kYes : Transpose::kNo, rows_, inputs_, outputs_, 1, dy, outputs_,
           ctx.parameters[0]->effective, transposed_ ? outputs_ : inputs_, 0, bottom().diff, inputs_);
    }
  }

  bool add_squared_gradients(const SquareSums& sums) override {
    if (float* to = sums(*ctx.parameters[0])) {
      olmp::add_squared_gradients(bottom().data, top().diff, rows_, inputs_, outputs_, transposed_, *ctx.parameters[0],
                                  ctx.threads, to);
    }
    float* biases = bias_ ? sums(*ctx.parameters[1]) : nullptr;
    if (biases != nullptr) add_squared_bias_gradients(top().diff, rows_, outputs_, 1, biases);
    return true;
  }

  std::int64_t workspace_bytes() const override { return sparse_->workspace_bytes(); }

 private:
  int outputs_;
  bool bias_;
  bool transposed_;
  std::int64_t rows_ = 0;
  std::int64_t inputs_ = 0;
  std::unique_ptr<SparseBlobs> sparse_;
};

}  // namespace

void register_inner_product(LayerRegistry& registry) {
  registry["InnerProduct"] = [](LayerContext context) { return std::make_unique<InnerProduct>(std::move(context)); };
}

}  // namespace olmp
