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

struct Recording {
  bool met = false;
  cudaGraphExec_t graph = nullptr;
  Recording() = default;
  ~Recording() {
    if (graph != nullptr) cudaGraphExecDestroy(graph);
  }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
};

class CudaDevice final : public Device {
 public:
  CudaDevice() {
    check(cudaMalloc(&blas_workspace_, kBlasWorkspace), "memory for cuBLAS");
    const bool ready = blas_.create(&blas_handle_) == 0 && blas_.set_stream(blas_handle_, compute_.get()) == 0 &&
                       blas_.set_workspace(blas_handle_, blas_workspace_, kBlasWorkspace) == 0 &&
                       blas_.set_math_mode(blas_handle_, Cublas::kDefaultMath) == 0;
    if (!ready) throw Error("no-cuda", "cuBLAS (" + blas_.library.name() + ") does not start on this GPU and driver.");
    try {
      dnn_ = std::make_unique<CudnnContext>(compute_.get());
    } catch (const Error&) {
      // Optional: convolutions are then made by columns.
    }
    open(Stream{compute_.get(), false});
    check(cudaMallocHost(reinterpret_cast<void**>(&host_fault_), sizeof(Fault)), "pinned memory");
  }

  ~CudaDevice() override {
    cudaStreamSynchronize(compute_.get());
    cudaStreamSynchronize(copies_.get());
    if (blas_handle_ != nullptr) blas_.destroy(blas_handle_);
    cudaFree(blas_workspace_);
    cudaFreeHost(host_fault_);
  }

  FloatBuffer allocate(Index floats, const std::string& what) override {
    const std::size_t bytes = static_cast<std::size_t>(std::max<Index>(floats, 1)) * sizeof(float);
    float* memory = nullptr;
    const cudaError_t error = cudaMalloc(reinterpret_cast<void**>(&memory), bytes);
    if (error == cudaErrorMemoryAllocation) {
      cudaGetLastError();  // the error is handled: later calls must not meet it again
      throw Error("out-of-gpu-memory", memory_text(bytes, what));
    }
    check(error, "cudaMalloc");
    FloatBuffer buffer(memory, release_device);
    check(cudaMemsetAsync(memory, 0, bytes, compute_.get()), "cudaMemset");
    return buffer;
  }

  void copy_in(float* to, const float* host, Index floats) override {
    copy(to, host, floats, cudaMemcpyHostToDevice);
    check(cudaStreamSynchronize(compute_.get()), "copying to the GPU");
  }

  void copy_out(float* host, const float* from, Index floats) override {
    copy(host, from, floats, cudaMemcpyDeviceToHost);
    check(cudaMemcpyAsync(host_fault_, fault(), sizeof(Fault), cudaMemcpyDeviceToHost, compute_.get()),
          "copying from the GPU");
    check(cudaStreamSynchronize(compute_.get()), "computing on the GPU");
    if (host_fault_->found == 0) return;
    check(cudaMemsetAsync(fault(), 0, sizeof(Fault), compute_.get()), "cudaMemset");
    raise(*host_fault_);
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
        float* pinned = nullptr;
        const std::size_t bytes = static_cast<std::size_t>(std::max<Index>(floats, 1)) * sizeof(float);
        check(cudaMallocHost(reinterpret_cast<void**>(&pinned), bytes), "pinned memory for a batch");
        slot.host = FloatBuffer(pinned, release_pinned);
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

  // Matrices of rows are, column by column, the transposed ones: c^T = b^T a^T.
  void multiply(const Product& p, const float* a, const float* b, float* c) override {
    const auto m = static_cast<int>(p.m);
    const auto n = static_cast<int>(p.n);
    const auto k = static_cast<int>(p.k);
    const float one = 1;
    const int status = blas_.sgemm_strided_batched(
        blas_handle_, p.transpose_b ? Cublas::kTransposed : Cublas::kPlain,
        p.transpose_a ? Cublas::kTransposed : Cublas::kPlain, n, m, k, &one, b, p.transpose_b ? k : n, p.stride_b, a,
        p.transpose_a ? m : k, p.stride_a, &p.beta, c, n, p.stride_c, static_cast<int>(p.batch));
    if (status != 0) throw Error("cuda", "cuBLAS failed on a matrix product (status " + std::to_string(status) + ")");
  }

  std::unique_ptr<Convolver> make_convolver(const ConvolutionGeometry& geometry, const std::string& layer) override {
    if (dnn_) {
      auto convolver = make_cudnn_convolver(*this, *dnn_, geometry);
      if (convolver) return convolver;
    }
    return make_column_convolver(*this, geometry, layer);
  }

  // The first time a key is met its work runs as it is, so that libraries make ready; the second time it is recorded.
  bool run_recorded(std::uint64_t key, const std::function<void()>& step) override {
    constexpr std::size_t kMostRecordings = 16;
    if (recordings_.size() >= kMostRecordings && recordings_.count(key) == 0) recordings_.clear();
    Recording& recording = recordings_[key];
    if (!recording.met) {
      recording.met = true;
      step();
      return true;
    }
    const bool fresh = recording.graph == nullptr;
    if (fresh) recording.graph = record(step);
    check(cudaGraphLaunch(recording.graph, compute_.get()), "running a recorded step");
    return fresh;
  }

 private:
  static constexpr std::size_t kBlasWorkspace = std::size_t{32} << 20;  // cuBLAS's own choice on Hopper

  void copy(float* to, const float* from, Index floats, cudaMemcpyKind kind) {
    if (floats <= 0) return;
    check(cudaMemcpyAsync(to, from, static_cast<std::size_t>(floats) * sizeof(float), kind, compute_.get()),
          "copying on the GPU");
  }

  static std::string memory_text(std::size_t bytes, const std::string& what) {
    std::size_t free = 0;
    std::size_t total = 0;
    cudaMemGetInfo(&free, &total);
    const auto megabytes = [](std::size_t size) { return std::to_string(size / 1000000) + " MB"; };
    return "Not enough GPU memory for " + what + ": " + megabytes(bytes) + " more are needed, " + megabytes(free) +
           " of " + megabytes(total) + " are free. Use a smaller batch, close other programs that use the GPU, or "
           "choose the device 'cpu'.";
  }

  cudaGraphExec_t record(const std::function<void()>& step) {
    check(cudaStreamBeginCapture(compute_.get(), cudaStreamCaptureModeThreadLocal), "recording a step");
    cudaGraph_t graph = nullptr;
    try {
      step();
    } catch (...) {
      cudaStreamEndCapture(compute_.get(), &graph);
      if (graph != nullptr) cudaGraphDestroy(graph);
      throw;
    }
    check(cudaStreamEndCapture(compute_.get(), &graph), "recording a step");
    cudaGraphExec_t executable = nullptr;
    const cudaError_t error = cudaGraphInstantiateWithFlags(&executable, graph, 0);
    cudaGraphDestroy(graph);
    check(error, "preparing a recorded step");
    return executable;
  }

  CudaStream compute_;
  CudaStream copies_;
  Cublas blas_;
  Cublas::Handle blas_handle_ = nullptr;
  void* blas_workspace_ = nullptr;
  std::unique_ptr<CudnnContext> dnn_;
  Fault* host_fault_ = nullptr;  // pinned
  std::map<float*, std::unique_ptr<Upload>> uploads_;
  std::map<std::uint64_t, Recording> recordings_;
};

}  // namespace

void launch_failed(int code) {
  throw Error("cuda", "a kernel could not be started: " + text_of(static_cast<cudaError_t>(code)));
}

std::unique_ptr<Device> make_cuda_device() {
  const CudaInfo info = cuda_info();
  if (!info.available) throw Error("no-cuda", info.reason);
  check(cudaSetDevice(0), "opening the GPU");
  return std::make_unique<CudaDevice>();
}

}  // namespace cuda

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
    info.devices.push_back({properties.name, static_cast<std::int64_t>(properties.totalGlobalMem)});
  }
  try {
    const cuda::Cublas blas;
    info.available = true;
  } catch (const Error& missing) {
    info.reason = missing.what();
  }
  return info;
}

}  // namespace olmp
