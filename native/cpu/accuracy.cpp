#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "cpu/axis_view.h"
#include "cpu/loss.h"
#include "cpu/register.h"

namespace olmp {
namespace {

// The share of positions whose class is among the top_k scores; top 1, if there, the same for each class.
// A score that equals the true class's counts as better than it (BVLC). So does one that compares false because either
// is NaN, where Caffe would count a diverged net's every prediction as right.
class Accuracy final : public Layer {
 public:
  explicit Accuracy(LayerContext context)
      : Layer(std::move(context)),
        view_(axis_view(bottom(), ctx.params.at("axis").get<int>(), ctx.name)),
        top_k_(ctx.params.at("top_k").get<std::int64_t>()),
        ignored_(read_ignore_label(ctx.params)) {
    require_count(bottom(1), view_.outer * view_.inner, ctx.name);
    if (ctx.tops.size() > 1) {
      require_count(top(1), view_.size, ctx.name);
      seen_.resize(static_cast<std::size_t>(view_.size));
    }
  }

  void forward() override {
    const bool per_class = ctx.tops.size() > 1;
    if (per_class) {
      std::fill(seen_.begin(), seen_.end(), 0);
      std::fill_n(top(1).data, view_.size, 0.0f);
    }
    std::int64_t correct = 0;
    std::int64_t valid = 0;
    for (std::int64_t o = 0; o < view_.outer; ++o) {
      for (std::int64_t i = 0; i < view_.inner; ++i) {
        const auto label = read_label(bottom(1).data[o * view_.inner + i], view_.size, ignored_, ctx.name);
        if (!label) continue;
        ++valid;
        const bool hit = in_top_k(bottom().data + o * view_.size * view_.inner + i, *label);
        if (hit) ++correct;
        if (per_class) {
          ++seen_[static_cast<std::size_t>(*label)];
          if (hit) top(1).data[*label] += 1.0f;
        }
      }
    }
    top().data[0] = valid == 0 ? 0.0f : static_cast<float>(correct) / static_cast<float>(valid);
    if (!per_class) return;
    for (std::int64_t c = 0; c < view_.size; ++c) {
      const std::int64_t seen = seen_[static_cast<std::size_t>(c)];
      if (seen > 0) top(1).data[c] /= static_cast<float>(seen);
    }
  }

  std::int64_t workspace_bytes() const override {
    return static_cast<std::int64_t>(seen_.size() * sizeof(std::int64_t));
  }

 private:
  bool in_top_k(const float* scores, std::int64_t label) const {
    const float own = scores[label * view_.inner];
    std::int64_t better = -1;  // the class itself will be counted
    for (std::int64_t c = 0; c < view_.size && better < top_k_; ++c) better += !(scores[c * view_.inner] < own);
    return better < top_k_;
  }

  AxisView view_;
  std::int64_t top_k_;
  std::optional<int> ignored_;
  std::vector<std::int64_t> seen_;  // positions of each class
};

}  // namespace

void register_accuracy(LayerRegistry& registry) {
  registry["Accuracy"] = [](LayerContext context) { return std::make_unique<Accuracy>(std::move(context)); };
}

}  // namespace olmp
