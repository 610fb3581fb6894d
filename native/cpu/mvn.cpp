#include <cmath>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "cpu/axis_view.h"
#include "cpu/ranges.h"
#include "cpu/register.h"

namespace olmp {
namespace {

// Mean-variance normalisation over each channel of each item, or over each whole item: y = (x - mean) / (sd + eps).
class Mvn final : public Layer {
 public:
  explicit Mvn(LayerContext context)
      : Layer(std::move(context)),
        normalize_variance_(ctx.params.at("normalize_variance").get<bool>()),
        eps_(ctx.params.at("eps").get<float>()) {
    require_count(top(), bottom().count(), ctx.name);
    const std::size_t axes = ctx.params.at("across_channels").get<bool>() ? 1 : 2;
    rows_ = count(bottom().shape, 0, axes);
    length_ = count(bottom().shape, axes);
    if (normalize_variance_) deviation_.resize(static_cast<std::size_t>(rows_));
  }

  void forward() override {
    for_each_range(ctx.threads, rows_, length_, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) normalize(row);
    });
  }

  void backward() override {
    if (!ctx.propagate_down[0]) return;
    for_each_range(ctx.threads, rows_, length_, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) gradient(row);
    });
  }

  std::int64_t workspace_bytes() const override { return static_cast<std::int64_t>(deviation_.size() * sizeof(float)); }

 private:
  void normalize(std::int64_t row) {
    const float* x = bottom().data + row * length_;
    float* y = top().data + row * length_;
    double sum = 0;
    for (std::int64_t i = 0; i < length_; ++i) sum += static_cast<double>(x[i]);
    const auto mean = static_cast<float>(sum / static_cast<double>(length_));
    double squares = 0;
    for (std::int64_t i = 0; i < length_; ++i) {
      y[i] = x[i] - mean;
      squares += static_cast<double>(y[i]) * static_cast<double>(y[i]);
    }
    if (!normalize_variance_) return;
    const float deviation = static_cast<float>(std::sqrt(squares / static_cast<double>(length_))) + eps_;
    deviation_[static_cast<std::size_t>(row)] = deviation;
    for (std::int64_t i = 0; i < length_; ++i) y[i] /= deviation;
  }

  // dx = (dy - mean(dy) - y mean(y dy)) / (sd + eps): eps left out of the last mean's factor, as in Caffe.
  void gradient(std::int64_t row) const {
    const float* y = top().data + row * length_;
    const float* dy = top().diff + row * length_;
    float* dx = bottom().diff + row * length_;
    double sum = 0;
    double weighted = 0;
    for (std::int64_t i = 0; i < length_; ++i) {
      sum += static_cast<double>(dy[i]);
      weighted += static_cast<double>(y[i]) * static_cast<double>(dy[i]);
    }
    const auto mean = static_cast<float>(sum / static_cast<double>(length_));
    if (!normalize_variance_) {
      for (std::int64_t i = 0; i < length_; ++i) dx[i] = dy[i] - mean;
      return;
    }
    const auto slope = static_cast<float>(weighted / static_cast<double>(length_));
    const float deviation = deviation_[static_cast<std::size_t>(row)];
    for (std::int64_t i = 0; i < length_; ++i) dx[i] = (dy[i] - mean - y[i] * slope) / deviation;
  }

  bool normalize_variance_;
  float eps_;
  std::int64_t rows_ = 0;
  std::int64_t length_ = 0;
  std::vector<float> deviation_;  // sd + eps of each row
};

}  // namespace

void register_mvn(LayerRegistry& registry) {
  registry["MVN"] = [](LayerContext context) { return std::make_unique<Mvn>(std::move(context)); };
}

}  // namespace olmp
