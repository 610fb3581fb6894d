// What layers and the backend need of the machine that runs their kernels: a CUDA device, or the host in its place.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cpu/convolution_geometry.h"
#include "cuda/kernels/channel.h"
#include "cuda/kernels/neuron.h"
#include "cuda/kernels/window.h"
#include "engine/random.h"
#include "engine/tensor.h"

namespace olmp::cuda {

// y = conv(x, w), without the bias; blobs (images, channels, points), weights (outputs, channels / group, kernel points).
class Convolver {
 public:
  virtual ~Convolver() = default;
  virtual void forward(const float* x, const float* w, float* y) = 0;
  virtual void backward_weights(const float* x, const float* dy, float beta, float* dw) = 0;  // dw = beta dw + ...
  virtual void backward_data(const float* w, const float* dy, float* dx) = 0;
  virtual std::int64_t workspace_bytes() const = 0;
};

// A product of row-major matrices without gaps, repeated `batch` times with these distances.
struct Product {
  bool transpose_a = false;  // a is (k, m), else (m, k)
  bool transpose_b = false;  // b is (n, k), else (k, n)
  Index m = 0;
  Index n = 0;
  Index k = 0;
  float beta = 0;  // c = beta c + a b
  Index batch = 1;
  Index stride_a = 0;
  Index stride_b = 0;
  Index stride_c = 0;
};

class Device {
 public:
  virtual ~Device() = default;

  const Stream& stream() const { return stream_; }
  const PassKey* pass() const { return reinterpret_cast<const PassKey*>(pass_.get()); }

  // Zeroed. Throws Error("out-of-gpu-memory").
  virtual FloatBuffer allocate(Index floats, const std::string& what) = 0;
  // These two wait until everything before them is done.
  virtual void copy_in(float* to, const float* host, Index floats) = 0;
  virtual void copy_out(float* host, const float* from, Index floats) = 0;
  virtual void copy_within(float* to, const float* from, Index floats) = 0;

  // Room on the host for the next contents of a device array, and their transfer, which does not wait.
  virtual float* begin_upload(float* to, Index floats) = 0;
  virtual void end_upload(float* to) = 0;

  virtual void multiply(const Product& product, const float* a, const float* b, float* c) = 0;
  // Throws Error("shape-mismatch") where the device cannot.
  virtual std::unique_ptr<Convolver> make_convolver(const ConvolutionGeometry& geometry, const std::string& layer) = 0;

  // Runs `step`, or replays the work that it gave the device when `key` was last met. True where `step` was called: what
  // it does on the host is not done by a replay.
  virtual bool run_recorded(std::uint64_t key, const std::function<void()>& step) = 0;

  // For kernels that may meet a label or an index out of range: how the layer is named in the message.
  FaultPlace place_of(const std::string& layer);
  // A number that tells apart the layers that draw random numbers.
  std::uint64_t next_salt() { return ++salts_; }
  void begin_pass(Random& random) { set_pass_key(stream_, reinterpret_cast<PassKey*>(pass_.get()), random.next()); }

 protected:
  // To be called by the constructors of devices, which know how to allocate.
  void open(Stream stream);
  // Throws Error("bad-label") where a kernel has reported a fault; `fault` is a copy of the device's, which is cleared.
  void raise(const Fault& fault) const;
  Fault* fault() const { return reinterpret_cast<Fault*>(fault_.get()); }

  Stream stream_;

 private:
  FloatBuffer pass_{nullptr, [](float*) {}};
  FloatBuffer fault_{nullptr, [](float*) {}};
  std::vector<std::string> layers_;
  std::uint64_t salts_ = 0;
};

// Memory for `count` values of another type.
template <typename Value>
Index floats_for(Index count) {
  static_assert(sizeof(Value) % sizeof(float) == 0, "device memory is counted in floats");
  return count * static_cast<Index>(sizeof(Value) / sizeof(float));
}

Columns columns_of(const ConvolutionGeometry& geometry);

// By columns and products: any number of spatial axes.
std::unique_ptr<Convolver> make_column_convolver(Device& device, const ConvolutionGeometry& geometry,
                                                 const std::string& layer);

std::unique_ptr<Device> make_host_device();
// On CUDA device 0. Throws Error("no-cuda").
std::unique_ptr<Device> make_cuda_device();

}  // namespace olmp::cuda
