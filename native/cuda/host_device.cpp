// The host in the place of a device, for tests.
#include <cstring>
#include <functional>

#include "cuda/device.h"

namespace olmp::cuda {
namespace {

class HostDevice final : public Device {
 public:
  HostDevice() { open(Stream{}); }

  FloatBuffer allocate(Index floats, const std::string& what) override { return allocate_host(floats, what); }
  void copy_in(float* to, const float* host, Index floats) override { copy_within(to, host, floats); }
  void copy_out(float* host, const float* from, Index floats) override {
    copy_within(host, from, floats);
    const Fault met = *fault();
    *fault() = Fault();
    raise(met);
  }
  void copy_within(float* to, const float* from, Index floats) override {
    if (floats > 0) std::memcpy(to, from, static_cast<std::size_t>(floats) * sizeof(float));
  }

  float* begin_upload(float* to, Index) override { return to; }
  void end_upload(float*) override {}

  void multiply(const Product& p, const float* a, const float* b, float* c) override {
    for (Index image = 0; image < p.batch; ++image, a += p.stride_a, b += p.stride_b, c += p.stride_c) {
      for (Index row = 0; row < p.m; ++row) {
        for (Index column = 0; column < p.n; ++column) {
          double sum = 0;
          for (Index i = 0; i < p.k; ++i) {
            sum += static_cast<double>(a[p.transpose_a ? i * p.m + row : row * p.k + i]) *
                   b[p.transpose_b ? column * p.k + i : i * p.n + column];
          }
          float& to = c[row * p.n + column];
          to = static_cast<float>(sum) + (p.beta == 0 ? 0.0F : p.beta * to);
        }
      }
    }
  }

  std::unique_ptr<Convolver> make_convolver(const ConvolutionGeometry& geometry, const std::string& layer) override {
    return make_column_convolver(*this, geometry, layer);
  }

  bool run_recorded(std::uint64_t, const std::function<void()>& step) override {
    step();
    return true;
  }
};

}  // namespace

std::unique_ptr<Device> make_host_device() { return std::make_unique<HostDevice>(); }

}  // namespace olmp::cuda
