// Caffe's BatchNorm (batch_norm_layer.cpp). Parameters: running sum of means, running sum of variances, and the number
// both are divided by; training moves them in forward, none is learnt.
#include <cmath>
#include <vector>

#include "cpu/channel_view.h"
#include "cpu/parallel.h"
#include "cpu/register.h"

namespace olmp {
namespace {

class BatchNorm final : public Layer {
 public:
  explicit BatchNorm(LayerContext context)
      : Layer(std::move(context)),
        view_(second_axis_view(bottom())),
        global_(ctx.params.at("use_global_stats").get<bool>()),
        fraction_(ctx.params.at("moving_average_fraction").get<float>()),
        eps_(ctx.params.at("eps").get<float>()) {
    require_blobs(ctx, 1, 1);
    const int channels = static_cast<int>(view_.channels);
    require_parameters(ctx, {{channels}, {channels}, {1}});
    require(top().count() == bottom().count(), ctx, "its top must have the shape of its bottom.");
    deviation_.resize(static_cast<std::size_t>(channels));
    mean_.resize(static_cast<std::size_t>(channels));
    // Later layers may work in place on the top.
    if (!global_ && wants_gradient(ctx, 0)) {
      normalised_ = allocate_host(bottom().count(), "layer '" + ctx.name + "'");
    }
  }

  void forward() override {
    float* sums = ctx.parameters[0]->tensor.data;
    float* variances = ctx.parameters[1]->tensor.data;
    float* weight = ctx.parameters[2]->tensor.data;
    const float factor = *weight == 0 ? 0.0F : 1.0F / *weight;
    const auto elements = static_cast<double>(view_.outer * view_.inner);
    const auto correction = static_cast<float>(elements > 1 ? elements / (elements - 1) : 1);
    for_each_channel([&](std::int64_t c) {
      const auto at = static_cast<std::size_t>(c);
      float mean = sums[c] * factor;
      float variance = variances[c] * factor;
      if (!global_) {
        mean = static_cast<float>(sum(c, [&](std::int64_t i) { return bottom().data[i]; }) / elements);
        const auto square = [&](std::int64_t i) {
          const double distance = bottom().data[i] - mean;
          return distance * distance;
        };
        variance = static_cast<float>(sum(c, square) / elements);
        sums[c] = mean + fraction_ * sums[c];
        variances[c] = correction * variance + fraction_ * variances[c];
      }
      mean_[at] = mean;
      deviation_[at] = std::sqrt(variance + eps_);
      for_each_element(c, [&](std::int64_t i) {
        top().data[i] = (bottom().data[i] - mean) / deviation_[at];
        if (normalised_ != nullptr) normalised_[static_cast<std::size_t>(i)] = top().data[i];
      });
    });
    if (!global_) *weight = 1.0F + fraction_ * *weight;
  }

  // dx = (dy - mean(dy) - mean(dy * y) * y) / deviation
  void backward() override {
    if (!wants_gradient(ctx, 0)) return;
    const float* dy = top().diff;
    float* dx = bottom().diff;
    const auto elements = static_cast<double>(view_.outer * view_.inner);
    for_each_channel([&](std::int64_t c) {
      const float deviation = deviation_[static_cast<std::size_t>(c)];
      if (global_) {
        for_each_element(c, [&](std::int64_t i) { dx[i] = dy[i] / deviation; });
        return;
      }
      const float* y = normalised_.get();
      const auto mean = static_cast<float>(sum(c, [&](std::int64_t i) { return dy[i]; }) / elements);
      const auto slope =
          static_cast<float>(sum(c, [&](std::int64_t i) { return static_cast<double>(dy[i]) * y[i]; }) / elements);
      for_each_element(c, [&](std::int64_t i) { dx[i] = (dy[i] - mean - slope * y[i]) / deviation; });
    });
  }

  std::int64_t workspace_bytes() const override {
    return normalised_ == nullptr ? 0 : bottom().count() * static_cast<std::int64_t>(sizeof(float));
  }

 private:
  template <typename Body>
  void for_each_channel(const Body& body) const {
    parallel_for(ctx.threads, view_.channels, 1 + 8192 / (view_.outer * view_.inner),
                 [&](std::int64_t first, std::int64_t last) {
                   for (std::int64_t c = first; c < last; ++c) body(c);
                 });
  }

  template <typename Body>
  void for_each_element(std::int64_t channel, const Body& body) const {
    for (std::int64_t o = 0; o < view_.outer; ++o) {
      const std::int64_t offset = (o * view_.channels + channel) * view_.inner;
      for (std::int64_t i = offset; i < offset + view_.inner; ++i) body(i);
    }
  }

  template <typename Term>
  double sum(std::int64_t channel, const Term& term) const {
    double total = 0;
    for_each_element(channel, [&](std::int64_t i) { total += term(i); });
    return total;
  }

  ChannelView view_;
  bool global_;
  float fraction_;
  float eps_;
  std::vector<float> mean_;
  std::vector<float> deviation_;
  FloatBuffer normalised_{nullptr, [](float*) {}};
};

}  // namespace

void register_batch_norm(LayerRegistry& registry) {
  registry["BatchNorm"] = [](LayerContext context) { return std::make_unique<BatchNorm>(std::move(context)); };
}

}  // namespace olmp
