// A CUDA device: memory, streams, cuBLAS and cuDNN, recorded steps.
#include <cuda_runtime_api.h>

#include <array>
#include <cstring>
#include <map>

#include "cuda/cublas.h"
#include "cuda/cuda.h"
#include "cuda/cudnn.h"
#include "cuda/cudnn_convolver.h"
#include "cuda/device.h"
#include "cuda/out_of_memory.h"
#include "engine/error.h"

namespace olmp {
namespace cuda {
namespace {

std::string text_of(cudaError_t error) { return std::string(cudaGetErrorString(error)); }

void check(cudaError_t error, const char* what) {
  if (error != cudaSuccess) throw Error("cuda", std::string(what) + " failed: " + text_of(error));
}

// Why there is no device, and what to do.
std::string no_device_reason(cudaError_t error) {
  int driver = 0;
  cudaDriverGetVersion(&driver);
  const auto version = [](int number) { return std::to_string(number / 1000) + '.' + std::to_string(number % 1000 / 10); };
  if (driver == 0) {
    return "no NVIDIA driver was found (libcuda). Install it, e.g. Ubuntu 'ubuntu-drivers install', Debian 'apt install "
           "nvidia-driver'";
  }
  if (error == cudaErrorInsufficientDriver) {
    return "the NVIDIA driver supports CUDA " + version(driver) + ", the engine needs " + version(CUDART_VERSION) +
           ". Install a newer driver";
  }
  if (error == cudaErrorNoDevice || error == cudaSuccess) return "the machine has no NVIDIA GPU that CUDA can use";
  return "CUDA cannot be used: " + text_of(error);
}

// cuDNN's largest work space (cudnn_convolver.cpp), or what the driver takes for recorded steps.
constexpr std::int64_t kReserve = std::int64_t{256} << 20;

DeviceMemory device_memory() {
  std::size_t free = 0;
  std::size_t total = 0;
  check(cudaMemGetInfo(&free, &total), "asking for the GPU's memory");
  return {static_cast<std::int64_t>(free), static_cast<std::int64_t>(total), kReserve};
}

// As check(), for calls that may find too little memory; `what` for the message.
void check_memory(cudaError_t error, std::size_t bytes, const std::string& what) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // the error is handled: later calls must not meet it again
  if (error == cudaErrorMemoryAllocation) throw out_of_memory(static_cast<std::int64_t>(bytes), what, device_memory());
  throw Error("cuda", "taking memory for " + what + " failed: " + text_of(error));
}

void release_device(float* memory) { cudaFree(memory); }
void release_pinned(float* memory) { cudaFreeHost(memory); }

class Event {
 public:
  Event() { check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "cudaEventCreate"); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void record(cudaStream_t stream) {
    check(cudaEventRecord(event_, stream), "cudaEventRecord");
    recorded_ = true;
  }
  // Nothing has to be waited for before the first record.
  void wait_on_host() const {
    if (recorded_) check(cudaEventSynchronize(event_), "cudaEventSynchronize");
  }
  void wait_on(cudaStream_t stream) const {
    if (recorded_) check(cudaStreamWaitEvent(stream, event_, 0), "cudaStreamWaitEvent");
  }

 private:
  cudaEvent_t event_ = nullptr;
  bool recorded_ = false;
};

// Destroyed last of a device's parts.
class CudaStream {
 public:
  CudaStream() { check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate"); }
  ~CudaStream() { cudaStreamDestroy(stream_); }
  CudaStream(const CudaStream&) = delete;
  CudaStream& operator=(const CudaStream&) = delete;
  cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

// A batch on its way: while the device computes with one, the next is written on the host and copied beside it. The blob
// itself gets it from there, in order with the kernels that read it.
struct Upload {
  struct Slot {
    FloatBuffer host{nullptr, [](float*) {}};    // pinned
    FloatBuffer staged{nullptr, [](float*) {}};  // on the device
    Event copied;
    Event consumed;
  };
  Index floats = 0;
  std::array<Slot, 2> slots;
  std::size_t next = 0;
};

class CudaRecording final : public Recording {
 public:
  CudaRecording(cudaGraphExec_t graph, cudaStream_t stream) : graph_(graph), stream_(stream) {}
  ~CudaRecording() override { cudaGraphExecDestroy(graph_); }
  CudaRecording(const CudaRecording&) = delete;
  CudaRecording& operator=(const CudaRecording&) = delete;
  void replay() override { check(cudaGraphLaunch(graph_, stream_), "running a recorded step"); }

 private:
  cudaGraphExec_t graph_;
  cudaStream_t stream_;
};

class CudaDevice final : public Device {
 public:
  explicit CudaDevice(const CudaOptions& options)
      : blas_workspace_(allocate(kBlasWorkspace / static_cast<Index>(sizeof(float)), "cuBLAS's work space")),
        blas_(compute_.get(), blas_workspace_.get(), static_cast<std::size_t>(kBlasWorkspace), options.tf32) {
    try {
      dnn_ = std::make_unique<CudnnContext>(compute_.get(), options.tf32);
    } catch (const Error&) {
      // Optional: convolutions are then made by columns.
    }
    open(Stream{Stream::Place::kDevice, compute_.get()});
    host_fault_ = allocate_pinned(sizeof(Fault), "the record of faults");
  }

  // What is under way may still use what is given back.
  ~CudaDevice() override {
    cudaStreamSynchronize(compute_.get());
    cudaStreamSynchronize(copies_.get());
    close();
  }

  FloatBuffer allocate(Index floats, const std::string& what) override {
    const std::size_t bytes = static_cast<std::size_t>(std::max<Index>(floats, 1)) * sizeof(float);
    float* memory = nullptr;
    check_memory(cudaMalloc(reinterpret_cast<void**>(&memory), bytes), bytes, what);
    FloatBuffer buffer(memory, release_device);
    check(cudaMemsetAsync(memory, 0, bytes, compute_.get()), "cudaMemset");
    return buffer;
  }

  DeviceMemory memory() const override { return device_memory(); }

  void copy_in(float* to, const float* host, Index floats) override {
    copy(to, host, floats, cudaMemcpyHostToDevice);
    check(cudaStreamSynchronize(compute_.get()), "copying to the GPU");
  }

  void copy_out(float* host, const float* from, Index floats) override {
    copy(host, from, floats, cudaMemcpyDeviceToHost);
    check(cudaMemcpyAsync(host_fault_.get(), fault(), sizeof(Fault), cudaMemcpyDeviceToHost, compute_.get()),
          "copying from the GPU");
    check(cudaStreamSynchronize(compute_.get()), "computing on the GPU");
    const Fault met = *reinterpret_cast<const Fault*>(host_fault_.get());
    if (met.found == 0) return;
    check(cudaMemsetAsync(fault(), 0, sizeof(Fault), compute_.get()), "cudaMemset");
    raise(met);
  }

  void copy_within(float* to, const float* from, Index floats) override {
    copy(to, from, floats, cudaMemcpyDeviceToDevice);
  }

  float* begin_upload(float* to, Index floats) override {
    auto& upload = uploads_[to];
    if (!upload || upload->floats != floats) {
      upload = std::make_unique<Upload>();
      upload->floats = floats;
      for (Upload::Slot& slot : upload->slots) {
        slot.host = allocate_pinned(static_cast<std::size_t>(std::max<Index>(floats, 1)) * sizeof(float), "a batch");
        slot.staged = allocate(floats, "a batch on its way");
      }
      // The staging memory is zeroed in order with the kernels, and written by the other stream.
      check(cudaStreamSynchronize(compute_.get()), "allocating on the GPU");
    }
    Upload::Slot& slot = upload->slots[upload->next];
    slot.copied.wait_on_host();
    return slot.host.get();
  }

  void end_upload(float* to) override {
    Upload& upload = *uploads_.at(to);
    Upload::Slot& slot = upload.slots[upload.next];
    const std::size_t bytes = static_cast<std::size_t>(upload.floats) * sizeof(float);
    slot.consumed.wait_on(copies_.get());
    check(cudaMemcpyAsync(slot.staged.get(), slot.host.get(), bytes, cudaMemcpyHostToDevice, copies_.get()),
          "copying a batch to the GPU");
    slot.copied.record(copies_.get());
    slot.copied.wait_on(compute_.get());
    copy(to, slot.staged.get(), upload.floats, cudaMemcpyDeviceToDevice);
    slot.consumed.record(compute_.get());
    upload.next = 1 - upload.next;
  }

  void multiply(const Product& product, const float* a, const float* b, float* c) override {
    blas_.multiply(product, a, b, c);
  }

  std::unique_ptr<Convolver> make_convolver(const ConvolutionGeometry& geometry) override {
    if (dnn_) {
      auto convolver = make_cudnn_convolver(*this, *dnn_, geometry);
      if (convolver) return convolver;
    }
    return make_column_convolver(*this, geometry);
  }

 protected:
  void wait() override { check(cudaStreamSynchronize(compute_.get()), "computing on the GPU"); }

  // Only what this thread gives the device: other sessions go on beside it.
  void begin_recording() override {
    check(cudaStreamBeginCapture(compute_.get(), cudaStreamCaptureModeThreadLocal), "recording a step");
  }

  std::unique_ptr<Recording> end_recording() override {
    cudaGraph_t graph = nullptr;
    const cudaError_t ended = cudaStreamEndCapture(compute_.get(), &graph);
    if (ended != cudaSuccess) {
      cudaGetLastError();
      return nullptr;
    }
    cudaGraphExec_t executable = nullptr;
    const cudaError_t error = cudaGraphInstantiateWithFlags(&executable, graph, 0);
    cudaGraphDestroy(graph);
    check_memory(error, 0, "a recorded step");
    return std::make_unique<CudaRecording>(executable, compute_.get());
  }

 private:
  static constexpr Index kBlasWorkspace = Index{32} << 20;  // bytes; cuBLAS's own choice on Hopper

  static FloatBuffer allocate_pinned(std::size_t bytes, const std::string& what) {
    float* memory = nullptr;
    const cudaError_t error = cudaMallocHost(reinterpret_cast<void**>(&memory), bytes);
    if (error != cudaSuccess) {
      cudaGetLastError();
      throw Error("out-of-memory", "Not enough memory that stays in place (pinned) for " + what + ": " +
                                       std::to_string(bytes / 1000000 + 1) + " MB are needed. " + text_of(error));
    }
    return FloatBuffer(memory, release_pinned);
  }

  void copy(float* to, const float* from, Index floats, cudaMemcpyKind kind) {
    if (floats <= 0) return;
    check(cudaMemcpyAsync(to, from, static_cast<std::size_t>(floats) * sizeof(float), kind, compute_.get()),
          "copying on the GPU");
  }

  CudaStream compute_;
  CudaStream copies_;
  FloatBuffer blas_workspace_;
  CublasContext blas_;
  std::unique_ptr<CudnnContext> dnn_;
  FloatBuffer host_fault_{nullptr, release_pinned};
  std::map<float*, std::unique_ptr<Upload>> uploads_;
};

}  // namespace

void launch_failed(int code) {
  throw Error("cuda", "a kernel could not be started: " + text_of(static_cast<cudaError_t>(code)));
}

std::unique_ptr<Device> make_cuda_device(const CudaOptions& options) {
  const CudaInfo info = cuda_info();
  if (!info.available) throw Error("no-cuda", info.reason);
  check(cudaSetDevice(0), "opening the GPU");
  return std::make_unique<CudaDevice>(options);
}

}  // namespace cuda

std::optional<DeviceMemory> cuda_memory() {
  std::size_t free = 0;
  std::size_t total = 0;
  if (cudaSetDevice(0) != cudaSuccess || cudaMemGetInfo(&free, &total) != cudaSuccess) {
    cudaGetLastError();
    return std::nullopt;
  }
  return DeviceMemory{static_cast<std::int64_t>(free), static_cast<std::int64_t>(total), cuda::kReserve};
}

CudaInfo cuda_info() {
  CudaInfo info;
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess || count == 0) {
    cudaGetLastError();
    info.reason = cuda::no_device_reason(error);
    return info;
  }
  for (int device = 0; device < count; ++device) {
    cudaDeviceProp properties{};
    if (cudaGetDeviceProperties(&properties, device) != cudaSuccess) continue;
    info.devices.push_back({properties.name, 0, static_cast<std::int64_t>(properties.totalGlobalMem)});
  }
  if (const auto memory = cuda_memory(); memory && !info.devices.empty()) info.devices[0].free_bytes = memory->free_bytes;
  try {
    const cuda::Cublas blas;
    info.available = true;
  } catch (const Error& missing) {
    info.reason = missing.what();
    return info;
  }
  try {
    const cuda::Cudnn dnn;
  } catch (const Error& missing) {
    info.note = missing.what();
  }
  return info;
}

}  // namespace olmp
