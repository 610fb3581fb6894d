#include "cuda/cudnn_convolver.h"

#include <vector>

#include "engine/error.h"

namespace olmp::cuda {
namespace {

constexpr std::size_t kMostWorkspace = std::size_t{256} << 20;

// A descriptor and how it is destroyed.
using Descriptor = std::unique_ptr<void, int (*)(void*)>;

Descriptor make_descriptor(int (*create)(Cudnn::Descriptor*), int (*destroy)(Cudnn::Descriptor)) {
  Cudnn::Descriptor descriptor = nullptr;
  if (create(&descriptor) != 0) throw Error("cuda", "cuDNN cannot make a descriptor");
  return Descriptor(descriptor, destroy);
}

// An algorithm for one of the three products, or none.
struct Choice {
  bool found = false;
  int algorithm = 0;
  int math = Cudnn::kFmaMath;
  std::size_t workspace_bytes = 0;
};

// Without TF32 whatever cuDNN proposes is computed by FMA.
Choice choose(Cudnn::FindAlgorithms* find, const CudnnContext& context, const Descriptor& a, const Descriptor& b,
              const Descriptor& convolution, const Descriptor& c) {
  constexpr int kMost = 16;
  Cudnn::Performance results[kMost] = {};
  int found = 0;
  if (find(context.handle(), a.get(), b.get(), convolution.get(), c.get(), kMost, &found, results) != 0) return {};
  for (int i = 0; i < found; ++i) {  // fastest first, by cuDNN's estimate
    const Cudnn::Performance& result = results[i];
    const bool full = result.math == Cudnn::kFmaMath || result.math == Cudnn::kDefaultMath;
    if (result.status == 0 && result.determinism == Cudnn::kDeterministic && result.workspace_bytes <= kMostWorkspace &&
        (full || context.tf32())) {
      return {true, result.algorithm, context.tf32() ? result.math : Cudnn::kFmaMath, result.workspace_bytes};
    }
  }
  return {};
}

class CudnnConvolver final : public Convolver {
 public:
  CudnnConvolver(Device& device, CudnnContext& context, const ConvolutionGeometry& g)
      : device_(device),
        context_(context),
        x_(make_descriptor(library().create_tensor, library().destroy_tensor)),
        y_(make_descriptor(library().create_tensor, library().destroy_tensor)),
        w_(make_descriptor(library().create_filter, library().destroy_filter)),
        convolution_(make_descriptor(library().create_convolution, library().destroy_convolution)) {
    const int axes = static_cast<int>(g.input.size());
    std::vector<int> filter{g.outputs, g.channels / g.group};
    filter.insert(filter.end(), g.kernel.begin(), g.kernel.end());
    usable_ = set_tensor(x_, g.images, g.channels, g.input) && set_tensor(y_, g.images, g.outputs, g.output) &&
              library().set_filter(w_.get(), Cudnn::kFloat, Cudnn::kNchw, axes + 2, filter.data()) == 0 &&
              library().set_convolution(convolution_.get(), axes, g.pad.data(), g.stride.data(), g.dilation.data(),
                                        Cudnn::kCrossCorrelation, Cudnn::kFloat) == 0 &&
              library().set_group_count(convolution_.get(), g.group) == 0 &&
              library().set_math_type(convolution_.get(),
                                      context_.tf32() ? Cudnn::kDefaultMath : Cudnn::kFmaMath) == 0;
    if (!usable_) return;
    forward_ = choose(library().find_forward, context_, x_, w_, convolution_, y_);
    weights_ = choose(library().find_backward_weights, context_, x_, y_, convolution_, w_);
    data_ = choose(library().find_backward_data, context_, w_, y_, convolution_, x_);
    usable_ = forward_.found && weights_.found && data_.found;
    // Taken now, so that a net that does not fit says so when it is built.
    if (usable_) for (const Choice& choice : {forward_, weights_, data_}) device_.scratch(floats_of(choice));
  }

  bool usable() const { return usable_; }

  void forward(const float* x, const float* w, float* y) override {
    const float one = 1;
    const float zero = 0;
    set_math(forward_);
    check(library().forward(context_.handle(), &one, x_.get(), x, w_.get(), w, convolution_.get(), forward_.algorithm,
                            workspace(forward_), forward_.workspace_bytes, &zero, y_.get(), y));
  }

  void backward_weights(const float* x, const float* dy, float beta, float* dw) override {
    const float one = 1;
    set_math(weights_);
    check(library().backward_weights(context_.handle(), &one, x_.get(), x, y_.get(), dy, convolution_.get(),
                                     weights_.algorithm, workspace(weights_), weights_.workspace_bytes, &beta, w_.get(),
                                     dw));
  }

  void backward_data(const float* w, const float* dy, float* dx) override {
    const float one = 1;
    const float zero = 0;
    set_math(data_);
    check(library().backward_data(context_.handle(), &one, w_.get(), w, y_.get(), dy, convolution_.get(),
                                  data_.algorithm, workspace(data_), data_.workspace_bytes, &zero, x_.get(), dx));
  }

 private:
  const Cudnn& library() const { return context_.library(); }

  static Index floats_of(const Choice& choice) {
    return static_cast<Index>((choice.workspace_bytes + sizeof(float) - 1) / sizeof(float));
  }
  void* workspace(const Choice& choice) { return choice.workspace_bytes == 0 ? nullptr : device_.scratch(floats_of(choice)); }

  // The three products may take different ones.
  void set_math(const Choice& choice) { check(library().set_math_type(convolution_.get(), choice.math)); }

  bool set_tensor(const Descriptor& descriptor, std::int64_t images, int channels, const std::vector<int>& points) const {
    std::vector<int> sizes{static_cast<int>(images), channels};
    sizes.insert(sizes.end(), points.begin(), points.end());
    std::vector<int> strides(sizes.size(), 1);
    for (std::size_t a = sizes.size() - 1; a-- > 0;) strides[a] = strides[a + 1] * sizes[a + 1];
    return library().set_tensor(descriptor.get(), Cudnn::kFloat, static_cast<int>(sizes.size()), sizes.data(),
                                strides.data()) == 0;
  }

  static void check(int status) {
    if (status != 0) throw Error("cuda", "cuDNN failed on a convolution (status " + std::to_string(status) + ")");
  }

  Device& device_;
  CudnnContext& context_;
  Descriptor x_;
  Descriptor y_;
  Descriptor w_;
  Descriptor convolution_;
  bool usable_ = false;
  Choice forward_;
  Choice weights_;
  Choice data_;
};

}  // namespace

CudnnContext::CudnnContext(void* stream, bool tf32) : tf32_(tf32) {
  if (library_.create(&handle_) != 0 || library_.set_stream(handle_, stream) != 0) {
    if (handle_ != nullptr) library_.destroy(handle_);
    throw Error("no-cuda", "cuDNN (" + library_.library.name() + ") does not start on this GPU and driver.");
  }
}

CudnnContext::~CudnnContext() { library_.destroy(handle_); }

std::unique_ptr<Convolver> make_cudnn_convolver(Device& device, CudnnContext& context,
                                                const ConvolutionGeometry& geometry) {
  const std::size_t axes = geometry.input.size();
  if (axes < 2 || axes > 3) return nullptr;
  auto convolver = std::make_unique<CudnnConvolver>(device, context, geometry);
  if (!convolver->usable()) return nullptr;
  return convolver;
}

}  // namespace olmp::cuda
