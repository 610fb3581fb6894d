// oneDNN's convolution primitives, in its own blocked layouts; blobs are reordered on the way in and out.
#include <dnnl.hpp>

#include <vector>

#include "cpu/channel_bias.h"
#include "cpu/convolution_algorithm.h"
#include "cpu/kernels/kernels.h"
#include "cpu/parallel.h"
#include "engine/error.h"

namespace olmp {
namespace {

using dnnl::memory;
using Dims = memory::dims;
using Tag = memory::format_tag;

// A plain array seen by oneDNN, and the same in the layout a primitive wants. Where both agree nothing is copied.
class Operand {
 public:
  Operand(const memory::desc& plain, const memory::desc& wanted, const dnnl::engine& engine)
      : plain_(plain, engine, nullptr), same_(plain == wanted), blocked_(wanted, engine, same_ ? nullptr : DNNL_MEMORY_ALLOCATE) {
    if (!same_) {
      in_ = dnnl::reorder(plain_, blocked_);
      out_ = dnnl::reorder(blocked_, plain_);
      bytes_ = static_cast<std::int64_t>(wanted.get_size());
    }
  }

  // Brings the plain array in.
  memory& read(dnnl::stream& stream, const float* from) {
    memory& plain = at(from);
    if (same_) return plain;
    in_.execute(stream, plain, blocked_);
    return blocked_;
  }
  // What was read last.
  memory& present() { return same_ ? plain_ : blocked_; }
  // Where a primitive may write; `finish` then brings it out.
  memory& write(float* to) {
    memory& plain = at(to);
    return same_ ? plain : blocked_;
  }
  void finish(dnnl::stream& stream) {
    if (!same_) out_.execute(stream, blocked_, plain_);
  }
  std::int64_t bytes() const { return bytes_; }

 private:
  memory& at(const float* array) {
    plain_.set_data_handle(const_cast<float*>(array));  // oneDNN's handles are not const; sources are only read
    return plain_;
  }

  memory plain_;
  bool same_;
  memory blocked_;
  dnnl::reorder in_;
  dnnl::reorder out_;
  std::int64_t bytes_ = 0;
};

struct Descriptors {
  memory::desc x, w, b, y;
};

Dims dims(const std::vector<int>& values) { return {values.begin(), values.end()}; }

// Layout left open (`any`) or plain. `parts` is 1, or the groups where each is computed by primitives of its own: the plain
// blobs are then a group's channels within those of all.
Descriptors describe(const ConvolutionGeometry& g, int parts, bool any) {
  const auto type = memory::data_type::f32;
  const Dims x{g.images, g.channels / parts, g.input[0], g.input[1]};
  const Dims y{g.images, g.outputs / parts, g.output[0], g.output[1]};
  const Dims b{g.outputs / parts};
  Dims w{g.outputs / parts, g.channels / g.group, g.kernel[0], g.kernel[1]};
  const bool grouped = parts < g.group;
  if (grouped) w = {g.group, g.outputs / g.group, g.channels / g.group, g.kernel[0], g.kernel[1]};
  const memory::desc bias(b, type, Tag::x);
  if (any) return {{x, type, Tag::any}, {w, type, Tag::any}, bias, {y, type, Tag::any}};
  const Dims x_strides{g.input_count(), g.input_points(), g.input[1], 1};
  const Dims y_strides{g.output_count(), g.output_points(), g.output[1], 1};
  return {{x, type, x_strides}, {w, type, grouped ? Tag::goihw : Tag::oihw}, bias, {y, type, y_strides}};
}

// Winograd's F(4 x 4, 3 x 3) multiplies a quarter as often. Its transformations cost more than that saves where there are
// few channels or tiles, or where the tiles of 4 x 4 reach far beyond the image.
bool suits_winograd(const ConvolutionGeometry& g) {
  std::int64_t tiles = g.images;
  for (std::size_t axis = 0; axis < 2; ++axis) {
    if (g.kernel[axis] != 3 || g.stride[axis] != 1 || g.dilation[axis] != 1) return false;
    tiles *= (g.output[axis] + 3) / 4;
  }
  constexpr int kMinChannels = 32;
  constexpr std::int64_t kMinTiles = 64;
  return g.channels / g.group >= kMinChannels && g.outputs / g.group >= kMinChannels && tiles >= kMinTiles &&
         2 * g.images * g.output_points() >= 16 * tiles;
}

// The primitives and buffers of all groups at once, or of one.
class Primitives {
 public:
  Primitives(const ConvolutionGeometry& g, int parts, dnnl::algorithm kind, const dnnl::engine& engine) {
    const Descriptors any = describe(g, parts, true);
    const Descriptors plain = describe(g, parts, false);
    const Dims stride = dims(g.stride);
    const Dims pad = dims(g.pad);
    Dims dilation = dims(g.dilation);
    for (auto& d : dilation) d -= 1;  // oneDNN counts the gap
    using Forward = dnnl::convolution_forward;
    const Forward::primitive_desc forward(
        {dnnl::prop_kind::forward_training, kind, any.x, any.w, any.b, any.y, stride, dilation, pad, pad}, engine);
    using Weights = dnnl::convolution_backward_weights;
    const Weights::primitive_desc weights({kind, any.x, any.w, any.y, stride, dilation, pad, pad}, engine, forward);
    using Data = dnnl::convolution_backward_data;
    const Data::primitive_desc data({kind, any.x, any.w, any.y, stride, dilation, pad, pad}, engine, forward);
    forward_ = Forward(forward);
    weights_ = Weights(weights);
    data_ = Data(data);
    const auto operand = [&](const memory::desc& from, const memory::desc& to) {
      operands_.emplace_back(from, to, engine);
      return operands_.size() - 1;
    };
    operands_.reserve(9);
    x_ = operand(plain.x, forward.src_desc());
    w_ = operand(plain.w, forward.weights_desc());
    y_ = operand(plain.y, forward.dst_desc());
    // Forward's buffers serve backward too, where the layouts agree.
    const auto again = [&](std::size_t known, const memory::desc& known_to, const memory::desc& from,
                           const memory::desc& to) { return known_to == to ? known : operand(from, to); };
    wx_ = again(x_, forward.src_desc(), plain.x, weights.src_desc());
    wdw_ = operand(plain.w, weights.diff_weights_desc());
    wdy_ = again(y_, forward.dst_desc(), plain.y, weights.diff_dst_desc());
    ddy_ = again(wdy_, weights.diff_dst_desc(), plain.y, data.diff_dst_desc());
    dw_ = operand(plain.w, data.weights_desc());
    ddx_ = again(wx_, weights.src_desc(), plain.x, data.diff_src_desc());
    bias_ = memory(any.b, engine, nullptr);
  }

  void forward(dnnl::stream& stream, const float* x, const float* weights, const float* bias, float* y) {
    bias_.set_data_handle(const_cast<float*>(bias));
    forward_.execute(stream, {{DNNL_ARG_SRC, operands_[x_].read(stream, x)},
                              {DNNL_ARG_WEIGHTS, operands_[w_].read(stream, weights)},
                              {DNNL_ARG_BIAS, bias_},
                              {DNNL_ARG_DST, operands_[y_].write(y)}});
    operands_[y_].finish(stream);
  }

  // dw and dx may be null; both are overwritten.
  void backward(dnnl::stream& stream, const float* x, const float* dy, const float* weights, float* dw, float* dx) {
    if (dw != nullptr) {
      weights_.execute(stream, {{DNNL_ARG_SRC, operands_[wx_].read(stream, x)},
                                {DNNL_ARG_DIFF_DST, operands_[wdy_].read(stream, dy)},
                                {DNNL_ARG_DIFF_WEIGHTS, operands_[wdw_].write(dw)}});
      operands_[wdw_].finish(stream);
    }
    if (dx != nullptr) {
      const bool present = dw != nullptr && ddy_ == wdy_;
      data_.execute(stream, {{DNNL_ARG_DIFF_DST, present ? operands_[ddy_].present() : operands_[ddy_].read(stream, dy)},
                             {DNNL_ARG_WEIGHTS, operands_[dw_].read(stream, weights)},
                             {DNNL_ARG_DIFF_SRC, operands_[ddx_].write(dx)}});
      operands_[ddx_].finish(stream);
    }
  }

  std::int64_t bytes() const {
    std::int64_t bytes = 0;
    for (const Operand& operand : operands_) bytes += operand.bytes();
    return bytes;
  }

 private:
  dnnl::convolution_forward forward_;
  dnnl::convolution_backward_weights weights_;
  dnnl::convolution_backward_data data_;
  std::vector<Operand> operands_;
  std::size_t x_ = 0, w_ = 0, y_ = 0;       // forward
  std::size_t wx_ = 0, wdw_ = 0, wdy_ = 0;  // weight gradient
  std::size_t ddy_ = 0, dw_ = 0, ddx_ = 0;  // data gradient
  memory bias_;
};

class PrimitiveConvolution final : public ConvolutionAlgorithm {
 public:
  PrimitiveConvolution(const ConvolutionGeometry& geometry, int threads)
      : g_(geometry), threads_(threads), engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    make_primitives();
    weight_count_ = g_.outputs * (g_.channels / g_.group) * g_.kernel_points();
    zeros_.resize(static_cast<std::size_t>(g_.outputs));
    sum_.resize(static_cast<std::size_t>(weight_count_));
  }

  void forward(const float* x, const float* weights, const float* bias, float* y) override {
    if (bias == nullptr) bias = zeros_.data();
    const Steps step = steps();
    for (Primitives& part : parts_) {
      part.forward(stream_, x, weights, bias, y);
      x += step.x;
      weights += step.weights;
      bias += step.bias;
      y += step.y;
    }
    stream_.wait();
  }

  void backward(const float* x, const float* dy, const float* weights, const ConvolutionGradients& gradients) override {
    if (gradients.bias != nullptr) {
      add_channel_sums(gradients.bias, dy, g_.images, g_.outputs, g_.output_points(), threads_);
    }
    const bool adding = gradients.weights != nullptr && gradients.weights_beta != 0;
    float* dw = adding ? sum_.data() : gradients.weights;
    float* dx = gradients.data;
    const Steps step = steps();
    const auto advance = [](auto*& pointer, std::int64_t by) {
      if (pointer != nullptr) pointer += by;
    };
    for (Primitives& part : parts_) {
      part.backward(stream_, x, dy, weights, dw, dx);
      advance(x, step.x);
      advance(dy, step.y);
      advance(weights, step.weights);
      advance(dw, step.weights);
      advance(dx, step.x);
    }
    stream_.wait();
    if (adding) {
      parallel_for(threads_, weight_count_, 32768, [&](std::int64_t begin, std::int64_t end) {
        cpu_kernels().add(gradients.weights + begin, sum_.data() + begin, end - begin);
      });
    }
  }

  std::int64_t workspace_bytes() const override {
    std::int64_t bytes = static_cast<std::int64_t>((zeros_.size() + sum_.size()) * sizeof(float));
    for (const Primitives& part : parts_) bytes += part.bytes();
    return bytes;
  }

 private:
  // From one part's arrays to the next one's.
  struct Steps {
    std::int64_t x, weights, bias, y;
  };
  Steps steps() const {
    const auto parts = static_cast<std::int64_t>(parts_.size());
    return {g_.input_count() / parts, weight_count_ / parts, g_.outputs / parts, g_.output_count() / parts};
  }

  void make_primitives() {
    if (suits_winograd(g_)) {
      try {
        // oneDNN's knows no groups.
        for (int group = 0; group < g_.group; ++group) {
          parts_.emplace_back(g_, g_.group, dnnl::algorithm::convolution_winograd, engine_);
        }
        return;
      } catch (const dnnl::error& error) {
        if (error.status == dnnl_out_of_memory) throw;
        parts_.clear();  // not for this processor
      }
    }
    parts_.emplace_back(g_, 1, dnnl::algorithm::convolution_direct, engine_);
  }

  ConvolutionGeometry g_;
  int threads_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  std::vector<Primitives> parts_;
  std::int64_t weight_count_ = 0;
  std::vector<float> zeros_;
  std::vector<float> sum_;
};

}  // namespace

std::unique_ptr<ConvolutionAlgorithm> make_primitive_convolution(const ConvolutionGeometry& geometry, int threads,
                                                                 const std::string& layer) {
  if (geometry.input.size() != 2) return nullptr;
  try {
    return std::make_unique<PrimitiveConvolution>(geometry, threads);
  } catch (const dnnl::error& error) {
    if (error.status == dnnl_out_of_memory) {
      throw Error("out-of-memory", "Not enough memory for the buffers of layer '" + layer + "'. Use a smaller batch.");
    }
    return nullptr;  // a geometry that oneDNN does not know
  }
}

}  // namespace olmp
