#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "cpu/ranges.h"
#include "cpu/register.h"
#include "engine/error.h"

namespace olmp {
namespace {

// Inverted dropout: in TRAIN an element is kept with probability 1 - ratio and scaled by 1 / (1 - ratio); TEST is the
// identity.
class Dropout final : public Layer {
 public:
  explicit Dropout(LayerContext context) : Layer(std::move(context)) {
    const auto ratio = ctx.params.at("dropout_ratio").get<double>();
    if (!(ratio >= 0 && ratio < 1)) {
      throw Error("bad-parameter", "layer '" + ctx.name + "': dropout_ratio must be at least 0 and below 1");
    }
    drop_below_ = static_cast<std::uint32_t>(ratio * 4294967296.0);
    scale_ = static_cast<float>(1.0 / (1.0 - ratio));
    if (ctx.phase == Phase::kTrain) {
      if (ctx.random == nullptr) throw Error("internal", "layer '" + ctx.name + "': Dropout has no random generator");
      kept_.resize(static_cast<std::size_t>(bottom().count()));
    }
  }

  void forward() override {
    if (ctx.phase == Phase::kTest) {
      copy(bottom().data, top().data);
      return;
    }
    draw();
    apply(bottom().data, top().data);
  }

  void backward() override {
    if (!ctx.propagate_down[0]) return;
    if (ctx.phase == Phase::kTest) {
      copy(top().diff, bottom().diff);
    } else {
      apply(top().diff, bottom().diff);
    }
  }

  std::int64_t workspace_bytes() const override { return static_cast<std::int64_t>(kept_.size()); }

 private:
  void copy(const float* from, float* to) const {
    if (from != to) std::memcpy(to, from, static_cast<std::size_t>(bottom().count()) * sizeof(float));
  }

  // Two elements per draw of 64 bits. One thread draws, so that the sequence does not depend on the number of threads.
  void draw() {
    Random& random = *ctx.random;
    const std::size_t n = kept_.size();
    for (std::size_t i = 0; i + 1 < n; i += 2) {
      const std::uint64_t bits = random.next();
      kept_[i] = static_cast<std::uint32_t>(bits) >= drop_below_;
      kept_[i + 1] = static_cast<std::uint32_t>(bits >> 32) >= drop_below_;
    }
    if (n % 2 == 1) kept_[n - 1] = static_cast<std::uint32_t>(random.next()) >= drop_below_;
  }

  void apply(const float* from, float* to) const {
    const std::uint8_t* kept = kept_.data();
    const float scale = scale_;
    for_each_range(ctx.threads, bottom().count(), [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) to[i] = from[i] * (static_cast<float>(kept[i]) * scale);
    });
  }

  std::uint32_t drop_below_ = 0;
  float scale_ = 1.0f;
  std::vector<std::uint8_t> kept_;
};

}  // namespace

void register_dropout(LayerRegistry& registry) {
  registry["Dropout"] = [](LayerContext context) { return std::make_unique<Dropout>(std::move(context)); };
}

}  // namespace olmp
