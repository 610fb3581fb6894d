#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cpu/axis_view.h"
#include "cpu/register.h"
#include "engine/error.h"

namespace olmp {
namespace {

// The top_k largest entries, largest first; of equal ones the higher index comes first, as in Caffe.
// With an axis: (outer, top_k, inner), indices or (out_max_val) values. Without: (N, 1, top_k) indices, or with
// out_max_val (N, 2, top_k): indices, then values.
class ArgMax final : public Layer {
 public:
  explicit ArgMax(LayerContext context)
      : Layer(std::move(context)),
        out_max_val_(ctx.params.at("out_max_val").get<bool>()),
        has_axis_(!ctx.params.at("axis").is_null()),
        top_k_(ctx.params.at("top_k").get<std::int64_t>()) {
    if (has_axis_) {
      view_ = axis_view(bottom(), ctx.params.at("axis").get<int>(), ctx.name);
    } else {
      const std::int64_t batch = std::max<std::int64_t>(1, batch_size(bottom()));
      view_ = {batch, bottom().count() / batch, 1};
    }
    if (top_k_ < 1 || top_k_ > view_.size) {
      throw Error("bad-parameter", "layer '" + ctx.name + "': top_k must be between 1 and the number of entries, " +
                                       std::to_string(view_.size));
    }
    require_count(top(), view_.outer * top_k_ * view_.inner * (!has_axis_ && out_max_val_ ? 2 : 1), ctx.name);
    ranking_.resize(static_cast<std::size_t>(view_.size));
  }

  void forward() override {
    for (std::int64_t o = 0; o < view_.outer; ++o) {
      for (std::int64_t i = 0; i < view_.inner; ++i) {
        rank(bottom().data + o * view_.size * view_.inner + i);
        if (has_axis_) {
          write(top().data + o * top_k_ * view_.inner + i, out_max_val_);
        } else {
          float* item = top().data + o * top_k_ * (out_max_val_ ? 2 : 1);
          write(item, false);
          if (out_max_val_) write(item + top_k_, true);
        }
      }
    }
  }

  std::int64_t workspace_bytes() const override {
    return static_cast<std::int64_t>(ranking_.size() * sizeof(ranking_[0]));
  }

 private:
  void rank(const float* x) {
    for (std::int64_t j = 0; j < view_.size; ++j) {
      ranking_[static_cast<std::size_t>(j)] = {x[j * view_.inner], static_cast<int>(j)};
    }
    std::partial_sort(ranking_.begin(), ranking_.begin() + top_k_, ranking_.end(), std::greater<>());
  }

  void write(float* to, bool values) const {
    for (std::int64_t j = 0; j < top_k_; ++j) {
      const auto& [value, index] = ranking_[static_cast<std::size_t>(j)];
      to[j * view_.inner] = values ? value : static_cast<float>(index);
    }
  }

  bool out_max_val_;
  bool has_axis_;
  std::int64_t top_k_;
  AxisView view_{};
  std::vector<std::pair<float, int>> ranking_;
};

}  // namespace

void register_argmax(LayerRegistry& registry) {
  registry["ArgMax"] = [](LayerContext context) { return std::make_unique<ArgMax>(std::move(context)); };
}

}  // namespace olmp
