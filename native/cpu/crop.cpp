#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cpu/ranges.h"
#include "cpu/register.h"
#include "engine/error.h"

namespace olmp {
namespace {

// Cuts bottom 0 to bottom 1's size from `axis` on. Bottom 1 gives nothing but its shape (which is the top's), so its
// gradient is zero.
class Crop final : public Layer {
 public:
  explicit Crop(LayerContext context) : Layer(std::move(context)), offsets_(bottom().shape.size(), 0) {
    const Shape& whole = bottom().shape;
    const Shape& part = top().shape;
    const auto given = ctx.params.at("offset").get<std::vector<int>>();
    int axis = ctx.params.at("axis").get<int>();
    if (axis < 0) axis += static_cast<int>(whole.size());
    if (axis < 0 || part.size() != whole.size() || given.size() + static_cast<std::size_t>(axis) != whole.size()) {
      throw Error("shape-mismatch", "layer '" + ctx.name + "': Crop needs one offset per axis from 'axis' on");
    }
    std::copy(given.begin(), given.end(), offsets_.begin() + axis);
    for (std::size_t i = 0; i < whole.size(); ++i) {
      if (offsets_[i] < 0 || part[i] > whole[i] || offsets_[i] > whole[i] - part[i]) {
        throw Error("shape-mismatch", "layer '" + ctx.name + "': the crop reaches past axis " + std::to_string(i) +
                                          " of blob '" + bottom().name + "' (offset " + std::to_string(offsets_[i]) +
                                          ", size " + std::to_string(part[i]) + " of " + std::to_string(whole[i]) +
                                          ")");
      }
    }
    length_ = part.empty() ? 1 : part.back();
    rows_ = length_ == 0 ? 0 : top().count() / length_;
  }

  void forward() override {
    for_each_range(ctx.threads, rows_, length_, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        std::memcpy(top().data + row * length_, bottom().data + place_in_bottom(row), bytes());
      }
    });
  }

  void backward() override {
    if (ctx.propagate_down.size() > 1 && ctx.propagate_down[1]) {
      std::fill_n(bottom(1).diff, bottom(1).count(), 0.0f);
    }
    if (!ctx.propagate_down[0]) return;
    std::fill_n(bottom().diff, bottom().count(), 0.0f);
    for_each_range(ctx.threads, rows_, length_, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        std::memcpy(bottom().diff + place_in_bottom(row), top().diff + row * length_, bytes());
      }
    });
  }

 private:
  std::size_t bytes() const { return static_cast<std::size_t>(length_) * sizeof(float); }

  // Where the top's row (all indices but the last) starts in bottom 0.
  std::int64_t place_in_bottom(std::int64_t row) const {
    const Shape& whole = bottom().shape;
    const Shape& part = top().shape;
    if (part.empty()) return 0;
    std::int64_t place = offsets_.back();
    std::int64_t stride = whole.back();
    for (std::size_t axis = part.size() - 1; axis-- > 0;) {
      place += (row % part[axis] + offsets_[axis]) * stride;
      row /= part[axis];
      stride *= whole[axis];
    }
    return place;
  }

  std::vector<int> offsets_;
  std::int64_t length_ = 1;
  std::int64_t rows_ = 0;
};

}  // namespace

void register_crop(LayerRegistry& registry) {
  registry["Crop"] = [](LayerContext context) { return std::make_unique<Crop>(std::move(context)); };
}

}  // namespace olmp
