#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cpu/axis_view.h"
#include "cpu/ranges.h"
#include "cpu/register.h"
#include "engine/error.h"

namespace olmp {
namespace {

// The sum, product or maximum of blobs of one shape. An in-place layer's bottom 0 and top share memory, so every kernel
// reads bottom 0 before it writes the top, and bottom 0's gradient is written last.
class Eltwise : public Layer {
 public:
  explicit Eltwise(LayerContext context) : Layer(std::move(context)), count_(top().count()) {
    for (const Tensor* operand : ctx.bottoms) require_count(*operand, count_, ctx.name);
    if (ctx.bottoms.size() < 2) {
      throw Error("bad-parameter", "layer '" + ctx.name + "': Eltwise needs at least two bottoms");
    }
  }

  void backward() override {
    for (std::size_t i = ctx.bottoms.size(); i-- > 0;) {
      if (ctx.propagate_down[i]) gradient(i);
    }
  }

 protected:
  virtual void gradient(std::size_t i) = 0;

  static constexpr std::int64_t kBlock = 2048;

  // Blocks that stay in the first-level cache, since a kernel passes over its output once per bottom.
  template <class Body>
  void for_each_block(const Body& body) const {
    for_each_range(ctx.threads, count_, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t start = begin; start < end; start += kBlock) body(start, std::min(end, start + kBlock));
    });
  }

  std::int64_t count_;
};

class Sum final : public Eltwise {
 public:
  explicit Sum(LayerContext context) : Eltwise(std::move(context)) {
    coefficients_ = ctx.params.at("coeff").get<std::vector<float>>();
    if (coefficients_.empty()) coefficients_.assign(ctx.bottoms.size(), 1.0f);
    if (coefficients_.size() != ctx.bottoms.size()) {
      throw Error("bad-parameter", "layer '" + ctx.name + "': Eltwise needs one coeff per bottom");
    }
  }

  void forward() override {
    float* y = top().data;
    for_each_block([&](std::int64_t begin, std::int64_t end) {
      scale(bottom(0).data, coefficients_[0], y, begin, end);
      for (std::size_t k = 1; k < ctx.bottoms.size(); ++k) {
        const float* x = bottom(k).data;
        const float c = coefficients_[k];
        for (std::int64_t i = begin; i < end; ++i) y[i] += c * x[i];
      }
    });
  }

 private:
  static void scale(const float* x, float c, float* y, std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) y[i] = c * x[i];
  }

  void gradient(std::size_t i) override {
    const float* dy = top().diff;
    float* dx = bottom(i).diff;
    const float c = coefficients_[i];
    if (dx == dy && c == 1.0f) return;
    for_each_block([=](std::int64_t begin, std::int64_t end) { scale(dy, c, dx, begin, end); });
  }

  std::vector<float> coefficients_;
};

class Product final : public Eltwise {
 public:
  explicit Product(LayerContext context) : Eltwise(std::move(context)) {
    const bool gradient_reads_bottom0 =
        std::any_of(ctx.propagate_down.begin(), ctx.propagate_down.end(), [](bool wanted) { return wanted; });
    if (bottom(0).data == top().data && gradient_reads_bottom0) kept_bottom0_.resize(static_cast<std::size_t>(count_));
  }

  void forward() override {
    if (!kept_bottom0_.empty()) std::copy_n(bottom(0).data, count_, kept_bottom0_.data());
    float* y = top().data;
    for_each_block([&](std::int64_t begin, std::int64_t end) {
      const float* a = bottom(0).data;
      const float* b = bottom(1).data;
      for (std::int64_t i = begin; i < end; ++i) y[i] = a[i] * b[i];
      for (std::size_t k = 2; k < ctx.bottoms.size(); ++k) {
        const float* x = bottom(k).data;
        for (std::int64_t i = begin; i < end; ++i) y[i] *= x[i];
      }
    });
  }

  std::int64_t workspace_bytes() const override {
    return static_cast<std::int64_t>(kept_bottom0_.size() * sizeof(float));
  }

 private:
  // Caffe's stable_prod_grad: the product of the others, not y / x, so that zeros do no harm.
  void gradient(std::size_t wanted) override {
    const float* dy = top().diff;
    float* dx = bottom(wanted).diff;
    for_each_block([&](std::int64_t begin, std::int64_t end) {
      float product[kBlock];
      std::fill_n(product, end - begin, 1.0f);
      for (std::size_t k = 0; k < ctx.bottoms.size(); ++k) {
        if (k == wanted) continue;
        const float* x = operand(k) + begin;
        for (std::int64_t i = 0; i < end - begin; ++i) product[i] *= x[i];
      }
      for (std::int64_t i = begin; i < end; ++i) dx[i] = dy[i] * product[i - begin];
    });
  }

  const float* operand(std::size_t k) const {
    return k == 0 && !kept_bottom0_.empty() ? kept_bottom0_.data() : bottom(k).data;
  }

  std::vector<float> kept_bottom0_;
};

// Of equal values among the first two bottoms the second counts as the maximum, later ones only if greater: Caffe's
// rule, which decides where the gradient goes.
class Max final : public Eltwise {
 public:
  explicit Max(LayerContext context) : Eltwise(std::move(context)), winner_(static_cast<std::size_t>(count_)) {
    if (ctx.bottoms.size() > 65535) {
      throw Error("bad-parameter", "layer '" + ctx.name + "': Eltwise takes at most 65535 bottoms");
    }
  }

  void forward() override {
    float* y = top().data;
    std::uint16_t* winner = winner_.data();
    for_each_block([&](std::int64_t begin, std::int64_t end) {
      const float* a = bottom(0).data;
      const float* b = bottom(1).data;
      for (std::int64_t i = begin; i < end; ++i) {
        const bool first = a[i] > b[i];
        winner[i] = first ? 0 : 1;
        y[i] = first ? a[i] : b[i];
      }
      for (std::size_t k = 2; k < ctx.bottoms.size(); ++k) {
        const float* x = bottom(k).data;
        for (std::int64_t i = begin; i < end; ++i) {
          const bool greater = x[i] > y[i];
          winner[i] = greater ? static_cast<std::uint16_t>(k) : winner[i];
          y[i] = greater ? x[i] : y[i];
        }
      }
    });
  }

  std::int64_t workspace_bytes() const override {
    return static_cast<std::int64_t>(winner_.size() * sizeof(std::uint16_t));
  }

 private:
  void gradient(std::size_t wanted) override {
    const float* dy = top().diff;
    float* dx = bottom(wanted).diff;
    const std::uint16_t* winner = winner_.data();
    const auto mine = static_cast<std::uint16_t>(wanted);
    for_each_block([=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const float gradient = dy[i];  // loaded in any case, so that the loop has no branch
        dx[i] = winner[i] == mine ? gradient : 0.0f;
      }
    });
  }

  std::vector<std::uint16_t> winner_;
};

std::unique_ptr<Layer> make_eltwise(LayerContext context) {
  const auto operation = context.params.at("operation").get<std::string>();
  if (operation == "SUM") return std::make_unique<Sum>(std::move(context));
  if (operation == "PROD") return std::make_unique<Product>(std::move(context));
  if (operation == "MAX") return std::make_unique<Max>(std::move(context));
  throw Error("bad-parameter", "layer '" + context.name + "': unknown Eltwise operation '" + operation +
                                   "' (SUM, PROD and MAX are known)");
}

}  // namespace

void register_eltwise(LayerRegistry& registry) { registry["Eltwise"] = make_eltwise; }

}  // namespace olmp
