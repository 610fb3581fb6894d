#include <omp.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "cpu/fused_net.h"
#include "cpu/isa.h"
#include "cpu/kernels/kernels.h"
#include "cpu/kernels/lane_gradient.h"
#include "cpu/kernels/lanes.h"
#include "cpu/kernels/rank_select.h"
#include "cpu/parallel.h"
#include "cpu/register.h"
#include "engine/error.h"
#include "engine/mask.h"

namespace olmp {

const Kernels& cpu_kernels() {
  static const Kernels& table = cpu_isa() == CpuIsa::kAvx512 ? avx512::kernels() : avx2::kernels();
  return table;
}

const RankKernels& cpu_rank_kernels() {
  return cpu_isa() == CpuIsa::kAvx512 ? avx512::rank_kernels() : avx2::rank_kernels();
}

const LaneGradientKernels& cpu_lane_gradient_kernels() {
  return cpu_isa() == CpuIsa::kAvx512 ? avx512::lane_gradient_kernels() : avx2::lane_gradient_kernels();
}

const LaneKernels& cpu_lane_kernels() {
  return cpu_isa() == CpuIsa::kAvx512 ? avx512::lane_kernels() : avx2::lane_kernels();
}

namespace {

// Elements below which a second thread costs more than it brings.
constexpr std::int64_t kGrain = 32768;
// Elements that are updated before they are masked: they are still in the first-level cache then.
constexpr std::int64_t kUpdateBlock = 2048;
// Sums are taken over blocks of this size and added in order: the same result at every thread count.
constexpr std::int64_t kSumBlock = 65536;

class CpuBackend final : public Backend {
 public:
  explicit CpuBackend(int threads) : threads_(threads), kernels_(cpu_kernels()), layers_(make_cpu_layer_registry()) {
    omp_set_num_threads(threads);
  }

  FloatBuffer allocate(std::int64_t floats, const std::string& what) override { return allocate_host(floats, what); }

  void copy_in(float* to, const float* host, std::int64_t floats) override { copy(to, host, floats); }
  void copy_out(float* host, const float* from, std::int64_t floats) override { copy(host, from, floats); }

  bool has_gather() const override { return true; }
  void gather(float* to, const float* from, const std::vector<std::int32_t>& places) override {
    for (std::size_t i = 0; i < places.size(); ++i) to[i] = from[places[i]];
  }
  void scatter(float* to, const float* from, const std::vector<std::int32_t>& places) override {
    for (std::size_t i = 0; i < places.size(); ++i) to[places[i]] = from[i];
  }

  std::unique_ptr<Layer> make_layer(LayerContext context) override {
    const auto factory = layers_.find(context.type);
    if (factory == layers_.end()) {
      throw Error("unknown-layer", "Layer '" + context.name + "' has the type '" + context.type +
                                       "', which the engine does not know.");
    }
    return factory->second(std::move(context));
  }

  std::unique_ptr<FusedNet> fuse(const std::vector<LayerContext>& layers, bool learns) override {
    return make_cpu_fused_net(layers, threads_, learns);
  }

  void update(const UpdateRule& rule, float* value, const float* diff, float* history, float* history2,
              std::int64_t n) override {
    parallel_for(threads_, n, kGrain, [&](std::int64_t begin, std::int64_t end) {
      kernels_.update(rule, value + begin, diff + begin, history + begin,
                      history2 == nullptr ? nullptr : history2 + begin, end - begin);
    });
  }

  void update_masked(const UpdateRule& rule, float* value, const float* diff, float* history, float* history2,
                     const float* mask, float* masked, std::int64_t n) override {
    parallel_for(threads_, n, kGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t at = begin; at < end; at += kUpdateBlock) {
        const std::int64_t size = std::min(kUpdateBlock, end - at);
        kernels_.update(rule, value + at, diff + at, history + at, history2 == nullptr ? nullptr : history2 + at, size);
        kernels_.keep_masked(masked + at, value + at, mask + at, size);
      }
    });
  }

  double sum_of_squares(const float* values, std::int64_t n) override {
    sums_.resize(blocks(n));
    for_blocks(n, [&](std::size_t block, std::int64_t begin, std::int64_t size) {
      sums_[block] = kernels_.sum_of_squares(values + begin, size);
    });
    double sum = 0;
    for (const double part : sums_) sum += part;
    return sum;
  }

  AbsMoments abs_moments(const float* values, std::int64_t n) override {
    std::vector<AbsMoments> parts(blocks(n));
    for_blocks(n, [&](std::size_t block, std::int64_t begin, std::int64_t size) {
      kernels_.abs_moments(values + begin, size, &parts[block]);
    });
    AbsMoments total;
    for (const AbsMoments& part : parts) {
      total.sum += part.sum;
      total.sum_of_squares += part.sum_of_squares;
      total.nonzero += part.nonzero;
    }
    return total;
  }

  std::int64_t update_mask(float* mask, const float* values, float threshold, std::int64_t n) override {
    const MaskLimits limits(threshold);
    kept_.resize(blocks(n));
    for_blocks(n, [&](std::size_t block, std::int64_t begin, std::int64_t size) {
      kept_[block] = kernels_.update_mask(mask + begin, values + begin, limits.prune_at, limits.keep_above, size);
    });
    std::int64_t total = 0;
    for (const std::int64_t part : kept_) total += part;
    return total;
  }

  bool remask(Parameter& parameter, float threshold) override {
    const MaskLimits limits(threshold);
    const std::int64_t n = parameter.tensor.count();
    float* masked = parameter.masked_buffer.get();
    kept_.resize(blocks(n));
    changed_.resize(blocks(n));
    for_blocks(n, [&](std::size_t block, std::int64_t begin, std::int64_t size) {
      bool any = false;
      kept_[block] = kernels_.remask(parameter.mask + begin, masked + begin, parameter.tensor.data + begin, limits.prune_at,
                                    limits.keep_above, size, any);
      changed_[block] = any ? 1 : 0;
    });
    parameter.kept = 0;
    for (const std::int64_t part : kept_) parameter.kept += part;
    return std::find(changed_.begin(), changed_.end(), 1) != changed_.end();
  }

  void multiply(float* out, const float* a, const float* b, std::int64_t n) override {
    parallel_for(threads_, n, kGrain, [&](std::int64_t begin, std::int64_t end) {
      kernels_.multiply(out + begin, a + begin, b + begin, end - begin);
    });
  }

  void fill(float* values, float value, std::int64_t n) override { kernels_.fill(values, value, n); }

  void add(float* to, const float* from, std::int64_t n) override {
    parallel_for(threads_, n, kGrain, [&](std::int64_t begin, std::int64_t end) {
      kernels_.add(to + begin, from + begin, end - begin);
    });
  }

 private:
  static void copy(float* to, const float* from, std::int64_t floats) {
    if (floats > 0) std::memcpy(to, from, static_cast<std::size_t>(floats) * sizeof(float));
  }

  static std::size_t blocks(std::int64_t n) { return static_cast<std::size_t>((n + kSumBlock - 1) / kSumBlock); }

  template <typename Body>
  void for_blocks(std::int64_t n, const Body& body) {
    parallel_for(threads_, static_cast<std::int64_t>(blocks(n)), 1, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t block = first; block < last; ++block) {
        const std::int64_t begin = block * kSumBlock;
        body(static_cast<std::size_t>(block), begin, std::min(kSumBlock, n - begin));
      }
    });
  }

  int threads_;
  const Kernels& kernels_;
  LayerRegistry layers_;
  // Parts of sums, by block.
  std::vector<std::int64_t> kept_;
  std::vector<std::uint8_t> changed_;
  std::vector<double> sums_;
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend(int threads) { return std::make_unique<CpuBackend>(threads); }

}  // namespace olmp
