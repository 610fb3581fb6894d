// What layers and the backend need of the machine that runs their kernels: a CUDA device, or the host in its place.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cpu/convolution_geometry.h"
#include "cuda/cuda.h"
#include "cuda/kernels/channel.h"
#include "cuda/kernels/neuron.h"
#include "cuda/kernels/window.h"
#include "engine/backend.h"
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
};

// A product of row-major matrices, repeated `batch` times with these distances.
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
  // From one row of a stored matrix to the next; 0: rows without gaps.
  Index row_a = 0;
  Index row_b = 0;
  Index row_c = 0;
};

// Work that a device was given once, to be done again.
class Recording {
 public:
  virtual ~Recording() = default;
  virtual void replay() = 0;
};

class Device {
 public:
  virtual ~Device() = default;

  // Floats of a convolution's columns, up to which it is computed by all of them at once (small_convolution.h).
  Index most_columns() const { return most_columns_; }
  const Stream& stream() const { return stream_; }
  const PassKey* pass() const { return reinterpret_cast<const PassKey*>(pass_.get()); }

  // Zeroed. Throws Error("out-of-gpu-memory"). Not to be called while a step is recorded.
  virtual FloatBuffer allocate(Index floats, const std::string& what) = 0;
  virtual DeviceMemory memory() const = 0;
  // These two wait until everything before them is done.
  virtual void copy_in(float* to, const float* host, Index floats) = 0;
  virtual void copy_out(float* host, const float* from, Index floats) = 0;
  virtual void copy_within(float* to, const float* from, Index floats) = 0;

  // Room on the host for the next contents of a device array, and their transfer, which does not wait.
  virtual float* begin_upload(float* to, Index floats) = 0;
  virtual void end_upload(float* to) = 0;

  virtual void multiply(const Product& product, const float* a, const float* b, float* c) = 0;
  // Throws Error("shape-mismatch") where the device cannot.
  virtual std::unique_ptr<Convolver> make_convolver(const ConvolutionGeometry& geometry) = 0;

  // Does `step`, or again the work that it gave the device when `key` was met before: what else it does on the host is then
  // not done. The first time a key is met its step runs as it is, so that libraries and work space make ready; the second
  // time it is recorded.
  void run_recorded(std::uint64_t key, const std::function<void()>& step);
  // To be called before memory that recorded work refers to is given back.
  void forget_recordings();

  // Work space that all layers share, at least so large; its contents last until the next call. It may grow, and so has to
  // be asked for anew whenever it is used. While a step is recorded it has the size that the step's first run gave it.
  float* scratch(Index floats);

  // For kernels that may meet a label or an index out of range: how the layer is named in the message.
  FaultPlace place_of(const std::string& layer);
  // A number that tells apart the layers that draw random numbers.
  std::uint64_t next_salt() { return ++salts_; }
  // Nothing is drawn from the generator for nets that draw nothing: they then take the course they take on the CPU.
  void begin_pass(Random& random) {
    if (salts_ > 0) set_pass_key(stream_, reinterpret_cast<PassKey*>(pass_.get()), random.next());
  }

 protected:
  // To be called by the constructors of devices, which know how to allocate.
  void open(Stream stream);
  // Throws Error("bad-label") where a kernel has reported a fault; `fault` is a copy of the device's, which is cleared.
  void raise(const Fault& fault) const;
  Fault* fault() const { return reinterpret_cast<Fault*>(fault_.get()); }
  // Until everything that the device was given is done.
  virtual void wait() = 0;
  // Between these two what the device is given is recorded instead of done.
  virtual void begin_recording() = 0;
  virtual std::unique_ptr<Recording> end_recording() = 0;
  bool is_recording() const { return is_recording_; }
  // To be called by destructors of devices, while what recordings and work space refer to is still there.
  void close();

  Stream stream_;
  Index most_columns_ = Index{1} << 24;

 private:
  struct Met {
    std::unique_ptr<Recording> recording;  // null after the first time
  };

  std::map<std::uint64_t, Met> recordings_;
  bool is_recording_ = false;
  FloatBuffer scratch_{nullptr, [](float*) {}};
  Index scratch_floats_ = 0;
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
std::unique_ptr<Convolver> make_column_convolver(Device& device, const ConvolutionGeometry& geometry);

// On CUDA device 0. Throws Error("no-cuda").
std::unique_ptr<Device> make_cuda_device(const CudaOptions& options);

}  // namespace olmp::cuda
