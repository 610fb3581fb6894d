#include "cuda/host_device.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

#include "cuda/out_of_memory.h"
#include "engine/error.h"

namespace olmp::cuda {
namespace {

class HostRecording final : public Recording {
 public:
  explicit HostRecording(HostWork work) : work_(std::move(work)) {}
  void replay() override {
    for (const auto& work : work_) work();
  }

 private:
  HostWork work_;
};

// What stands before an array, so that its release can be told to the one who counts.
struct alignas(64) Header {
  std::shared_ptr<std::int64_t> in_use;
  std::int64_t bytes = 0;
  void (*release)(float*) = nullptr;
};

constexpr auto kHeaderFloats = static_cast<Index>(sizeof(Header) / sizeof(float));

void release(float* memory) {
  auto* header = reinterpret_cast<Header*>(memory - kHeaderFloats);
  *header->in_use -= header->bytes;
  const auto release_whole = header->release;
  header->~Header();
  release_whole(memory - kHeaderFloats);
}

// To the ten bits after the point that tensor cores take, halves away from zero.
float rounded_to_tf32(float value) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  bits = (bits + 0x1000U) & ~0x1fffU;
  std::memcpy(&value, &bits, sizeof(bits));
  return value;
}

class HostDevice final : public Device {
 public:
  HostDevice(const EmulatedCudaOptions& options, bool measuring) : options_(options), measuring_(measuring) {
    if (!options.small_convolutions) most_columns_ = 0;
    open(Stream{measuring ? Stream::Place::kNowhere : Stream::Place::kHost});
  }
  ~HostDevice() override { close(); }

  FloatBuffer allocate(Index floats, const std::string& what) override {
    refuse_while_recording("memory was asked for");
    const std::int64_t bytes = std::max<Index>(floats, 1) * static_cast<Index>(sizeof(float));
    ++allocations_;
    const bool failing = options_.failing_allocation != 0 && allocations_ >= options_.failing_allocation;
    if (failing || bytes > memory().free_bytes) throw out_of_memory(bytes, what, memory());
    FloatBuffer whole = allocate_host(kHeaderFloats + (measuring_ ? 0 : floats), what);
    const auto release_whole = whole.get_deleter();
    float* start = whole.release();
    new (start) Header{in_use_, bytes, release_whole};
    *in_use_ += bytes;
    return FloatBuffer(start + kHeaderFloats, release);
  }

  DeviceMemory memory() const override {
    constexpr std::int64_t kEndless = std::int64_t{1} << 50;
    const std::int64_t total = options_.memory_bytes != nullptr ? *options_.memory_bytes : kEndless;
    return {total - *in_use_, total, 0};
  }

  void copy_in(float* to, const float* host, Index floats) override {
    refuse_while_recording("the host waited");
    if (!measuring_) copy(to, host, floats);
  }
  void copy_out(float* host, const float* from, Index floats) override {
    refuse_while_recording("the host waited");
    if (measuring_) return;
    copy(host, from, floats);
    const Fault met = *fault();
    *fault() = Fault();
    raise(met);
  }
  void copy_within(float* to, const float* from, Index floats) override {
    do_on_host(stream_, [=] { copy(to, from, floats); });
  }

  float* begin_upload(float* to, Index) override {
    refuse_while_recording("the host handed over a batch");
    return to;
  }
  void end_upload(float*) override {}

  void multiply(const Product& p, const float* a, const float* b, float* c) override {
    const bool tf32 = options_.device.tf32;
    do_on_host(stream_, [=] {
      if (tf32) {
        multiply_now(p, a, b, c, rounded_to_tf32);
      } else {
        multiply_now(p, a, b, c, [](float value) { return value; });
      }
    });
  }

  std::unique_ptr<Convolver> make_convolver(const ConvolutionGeometry& geometry) override {
    return make_column_convolver(*this, geometry);
  }

 protected:
  void wait() override {}
  void begin_recording() override { stream_.recorded = &work_; }
  std::unique_ptr<Recording> end_recording() override {
    stream_.recorded = nullptr;
    return std::make_unique<HostRecording>(std::exchange(work_, {}));
  }

 private:
  // What would break the recording of a step on a device.
  void refuse_while_recording(const char* what) const {
    if (is_recording()) throw Error("internal", std::string(what) + " while a step was recorded");
  }

  static void copy(float* to, const float* from, Index floats) {
    if (floats > 0) std::memcpy(to, from, static_cast<std::size_t>(floats) * sizeof(float));
  }

  // `take`: an operand as it is multiplied.
  template <class Take>
  static void multiply_now(const Product& p, const float* a, const float* b, float* c, const Take& take) {
    const Index row_a = p.row_a != 0 ? p.row_a : (p.transpose_a ? p.m : p.k);
    const Index row_b = p.row_b != 0 ? p.row_b : (p.transpose_b ? p.k : p.n);
    const Index row_c = p.row_c != 0 ? p.row_c : p.n;
    for (Index image = 0; image < p.batch; ++image, a += p.stride_a, b += p.stride_b, c += p.stride_c) {
      for (Index row = 0; row < p.m; ++row) {
        for (Index column = 0; column < p.n; ++column) {
          double sum = 0;
          for (Index i = 0; i < p.k; ++i) {
            sum += static_cast<double>(take(a[p.transpose_a ? i * row_a + row : row * row_a + i])) *
                   take(b[p.transpose_b ? column * row_b + i : i * row_b + column]);
          }
          float& to = c[row * row_c + column];
          to = static_cast<float>(sum) + (p.beta == 0 ? 0.0F : p.beta * to);
        }
      }
    }
  }

  EmulatedCudaOptions options_;
  bool measuring_;
  std::shared_ptr<std::int64_t> in_use_ = std::make_shared<std::int64_t>(0);
  int allocations_ = 0;
  HostWork work_;
};

}  // namespace

std::unique_ptr<Device> make_host_device(const EmulatedCudaOptions& options) {
  return std::make_unique<HostDevice>(options, false);
}

std::unique_ptr<Device> make_measuring_device() { return std::make_unique<HostDevice>(EmulatedCudaOptions(), true); }

}  // namespace olmp::cuda
