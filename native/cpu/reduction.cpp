#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "cpu/axis_view.h"
#include "cpu/ranges.h"
#include "cpu/register.h"
#include "engine/error.h"

namespace olmp {
namespace {

enum class Operation { kSum, kAsum, kSumsq, kMean };

Operation parse_operation(const std::string& name, const std::string& layer) {
  if (name == "SUM") return Operation::kSum;
  if (name == "ASUM") return Operation::kAsum;
  if (name == "SUMSQ") return Operation::kSumsq;
  if (name == "MEAN") return Operation::kMean;
  throw Error("bad-parameter", "layer '" + layer + "': unknown Reduction operation '" + name +
                                   "' (SUM, ASUM, SUMSQ and MEAN are known)");
}

// Reduces all axes from `axis` on: (rows, length) -> (rows).
class Reduction final : public Layer {
 public:
  explicit Reduction(LayerContext context)
      : Layer(std::move(context)),
        operation_(parse_operation(ctx.params.at("operation").get<std::string>(), ctx.name)),
        rows_(top().count()),
        length_(bottom().count() / std::max<std::int64_t>(1, rows_)),
        coefficient_(ctx.params.at("coeff").get<float>()) {
    require_count(bottom(), rows_ * length_, ctx.name);
    if (operation_ == Operation::kMean) coefficient_ /= static_cast<float>(length_);
  }

  void forward() override {
    for_each_range(ctx.threads, rows_, length_, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        top().data[row] = static_cast<float>(reduce(bottom().data + row * length_)) * coefficient_;
      }
    });
  }

  void backward() override {
    if (!ctx.propagate_down[0]) return;
    for_each_range(ctx.threads, rows_, length_, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        spread(top().diff[row] * coefficient_, bottom().data + row * length_, bottom().diff + row * length_);
      }
    });
  }

 private:
  double reduce(const float* x) const {
    double sum = 0;
    switch (operation_) {
      case Operation::kSum:
      case Operation::kMean:
        for (std::int64_t i = 0; i < length_; ++i) sum += static_cast<double>(x[i]);
        break;
      case Operation::kAsum:
        for (std::int64_t i = 0; i < length_; ++i) sum += static_cast<double>(std::abs(x[i]));
        break;
      case Operation::kSumsq:
        for (std::int64_t i = 0; i < length_; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
        break;
    }
    return sum;
  }

  void spread(float dy, const float* x, float* dx) const {
    switch (operation_) {
      case Operation::kSum:
      case Operation::kMean:
        std::fill_n(dx, length_, dy);
        break;
      case Operation::kAsum:
        for (std::int64_t i = 0; i < length_; ++i) dx[i] = x[i] > 0.0f ? dy : (x[i] < 0.0f ? -dy : 0.0f);
        break;
      case Operation::kSumsq:
        for (std::int64_t i = 0; i < length_; ++i) dx[i] = 2.0f * dy * x[i];
        break;
    }
  }

  Operation operation_;
  std::int64_t rows_;
  std::int64_t length_;
  float coefficient_;
};

}  // namespace

void register_reduction(LayerRegistry& registry) {
  registry["Reduction"] = [](LayerContext context) { return std::make_unique<Reduction>(std::move(context)); };
}

}  // namespace olmp
