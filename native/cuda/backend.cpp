#include <optional>
#include <vector>

#include "cuda/cuda.h"
#include "cuda/cuda_layer.h"
#include "cuda/device.h"
#include "cuda/host_device.h"
#include "cuda/kernels/arrays.h"
#include "cuda/kernels/update.h"
#include "cuda/step_queue.h"
#include "engine/error.h"
#include "engine/mask.h"

namespace olmp {
namespace cuda {
namespace {

class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(std::unique_ptr<Device> device)
      : device_(std::move(device)), steps_(make_step_queue(*device_)) {
    for (const auto add : {add_neuron_layers, add_weighted_layers, add_learnable_layers, add_window_layers, add_shape_layers,
                           add_loss_layers}) {
      add(layers_);
    }
  }

  FloatBuffer allocate(std::int64_t floats, const std::string& what) override {
    return device_->allocate(floats, what);
  }
  void copy_in(float* to, const float* host, std::int64_t floats) override { device_->copy_in(to, host, floats); }
  void copy_out(float* host, const float* from, std::int64_t floats) override {
    device_->copy_out(host, from, floats);
  }
  void copy_within(float* to, const float* from, std::int64_t floats) override {
    device_->copy_within(to, from, floats);
  }
  float* begin_upload(float* to, std::int64_t floats) override { return device_->begin_upload(to, floats); }
  void end_upload(float* to) override { device_->end_upload(to); }
  void begin_pass(Random& random) override { device_->begin_pass(random); }
  std::optional<DeviceMemory> memory() const override { return device_->memory(); }

  std::unique_ptr<Layer> make_layer(LayerContext context) override {
    const auto factory = layers_.find(context.type);
    if (factory == layers_.end()) {
      throw Error("unknown-layer", "Layer '" + context.name + "' has the type '" + context.type +
                                       "', which the engine does not know.");
    }
    return factory->second(std::move(context), *device_);
  }

  void update(const UpdateRule& rule, float* value, const float* diff, float* history, float* history2,
              std::int64_t n) override {
    cuda::update(stream(), rule, value, diff, history, history2, n);
  }

  double sum_of_squares(const float* values, std::int64_t n) override { return abs_moments(values, n).sum_of_squares; }

  AbsMoments abs_moments(const float* values, std::int64_t n) override {
    const auto blocks = (n + kMomentsBlock - 1) / kMomentsBlock;
    const Index floats = floats_for<Moments>(blocks);
    if (floats > parts_floats_) {
      parts_ = device_->allocate(floats, "partial sums of parameters");
      parts_floats_ = floats;
    }
    moments(stream(), values, n, reinterpret_cast<Moments*>(parts_.get()));
    std::vector<Moments> parts(static_cast<std::size_t>(blocks));
    device_->copy_out(reinterpret_cast<float*>(parts.data()), parts_.get(), floats);
    AbsMoments total;
    for (const Moments& part : parts) {
      total.sum += part.sum;
      total.sum_of_squares += part.sum_of_squares;
      total.nonzero += static_cast<std::int64_t>(part.nonzero);
    }
    return total;
  }

  std::int64_t update_mask(float* mask, const float* values, float threshold, std::int64_t n) override {
    const MaskLimits limits(threshold);
    cuda::update_mask(stream(), mask, values, limits.prune_at, limits.keep_above, n);
    return kNotCounted;
  }

  void multiply(float* out, const float* a, const float* b, std::int64_t n) override {
    cuda::multiply(stream(), out, a, b, n);
  }
  StepQueue* step_queue() override { return steps_.get(); }
  void fill(float* values, float value, std::int64_t n) override { cuda::fill(stream(), values, value, n); }
  void add(float* to, const float* from, std::int64_t n) override { cuda::add(stream(), to, from, n); }

 private:
  const Stream& stream() const { return device_->stream(); }

  std::unique_ptr<Device> device_;
  std::unique_ptr<StepQueue> steps_;
  DeviceLayerRegistry layers_;
  FloatBuffer parts_ = no_buffer();
  Index parts_floats_ = 0;
};

}  // namespace
}  // namespace cuda

std::unique_ptr<Backend> make_cuda_backend(const CudaOptions& options) {
  return std::make_unique<cuda::CudaBackend>(cuda::make_cuda_device(options));
}

std::unique_ptr<Backend> make_emulated_cuda_backend(const EmulatedCudaOptions& options) {
  return std::make_unique<cuda::CudaBackend>(cuda::make_host_device(options));
}

std::unique_ptr<Backend> make_measuring_cuda_backend() {
  return std::make_unique<cuda::CudaBackend>(cuda::make_measuring_device());
}

}  // namespace olmp
