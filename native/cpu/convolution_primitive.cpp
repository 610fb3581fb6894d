// oneDNN's convolution primitives, in its own blocked layouts; blobs are reordered on the way in and out.
#include <dnnl.hpp>

#include <vector>

#include "cpu/channel_bias.h"
#include "cpu/convolution_algorithm.h"
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

// Layout left open (`any`) or plain.
Descriptors describe(const ConvolutionGeometry& g, bool any) {
  const auto type = memory::data_type::f32;
  const Dims x{g.images, g.channels, g.input[0], g.input[1]};
  const Dims y{g.images, g.outputs, g.output[0], g.output[1]};
  const Dims b{g.outputs};
  const Tag blob = any ? Tag::any : Tag::nchw;
  if (g.group == 1) {
    const Dims w{g.outputs, g.channels, g.kernel[0], g.kernel[1]};
    return {{x, type, blob}, {w, type, any ? Tag::any : Tag::oihw}, {b, type, Tag::x}, {y, type, blob}};
  }
  const Dims w{g.group, g.outputs / g.group, g.channels / g.group, g.kernel[0], g.kernel[1]};
  return {{x, type, blob}, {w, type, any ? Tag::any : Tag::goihw}, {b, type, Tag::x}, {y, type, blob}};
}

class PrimitiveConvolution final : public ConvolutionAlgorithm {
 public:
  PrimitiveConvolution(const ConvolutionGeometry& geometry, int threads)
      : g_(geometry), threads_(threads), engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    const Descriptors any = describe(g_, true);
    const Descriptors plain = describe(g_, false);
    const Dims stride = dims(g_.stride);
    const Dims pad = dims(g_.pad);
    Dims dilation = dims(g_.dilation);
    for (auto& d : dilation) d -= 1;  // oneDNN counts the gap
    const auto kind = dnnl::algorithm::convolution_direct;
    using Forward = dnnl::convolution_forward;
    const Forward::primitive_desc forward(
        {dnnl::prop_kind::forward_training, kind, any.x, any.w, any.b, any.y, stride, dilation, pad, pad}, engine_);
    using Weights = dnnl::convolution_backward_weights;
    const Weights::primitive_desc weights({kind, any.x, any.w, any.y, stride, dilation, pad, pad}, engine_, forward);
    using Data = dnnl::convolution_backward_data;
    const Data::primitive_desc data({kind, any.x, any.w, any.y, stride, dilation, pad, pad}, engine_, forward);
    forward_ = Forward(forward);
    weights_ = Weights(weights);
    data_ = Data(data);
    const auto operand = [&](const memory::desc& from, const memory::desc& to) {
      operands_.emplace_back(from, to, engine_);
      return operands_.size() - 1;
    };
    operands_.reserve(9);
    x_ = operand(plain.x, forward.src_desc());
    w_ = operand(plain.w, forward.weights_desc());
    y_ = operand(plain.y, forward.dst_desc());
    wx_ = operand(plain.x, weights.src_desc());
    wdw_ = operand(plain.w, weights.diff_weights_desc());
    wdy_ = operand(plain.y, weights.diff_dst_desc());
    ddy_ = operand(plain.y, data.diff_dst_desc());
    dw_ = operand(plain.w, data.weights_desc());
    ddx_ = operand(plain.x, data.diff_src_desc());
    bias_ = memory(any.b, engine_, nullptr);
    zeros_.resize(static_cast<std::size_t>(g_.outputs));
    sum_.resize(static_cast<std::size_t>(plain.w.get_size() / sizeof(float)));
  }

  void forward(const float* x, const float* weights, const float* bias, float* y) override {
    bias_.set_data_handle(const_cast<float*>(bias == nullptr ? zeros_.data() : bias));
    forward_.execute(stream_, {{DNNL_ARG_SRC, operands_[x_].read(stream_, x)},
                               {DNNL_ARG_WEIGHTS, operands_[w_].read(stream_, weights)},
                               {DNNL_ARG_BIAS, bias_},
                               {DNNL_ARG_DST, operands_[y_].write(y)}});
    operands_[y_].finish(stream_);
    stream_.wait();
  }

  void backward(const float* x, const float* dy, const float* weights, const ConvolutionGradients& gradients) override {
    if (gradients.weights != nullptr) {
      const bool adding = gradients.weights_beta != 0;
      float* to = adding ? sum_.data() : gradients.weights;
      weights_.execute(stream_, {{DNNL_ARG_SRC, operands_[wx_].read(stream_, x)},
                                 {DNNL_ARG_DIFF_DST, operands_[wdy_].read(stream_, dy)},
                                 {DNNL_ARG_DIFF_WEIGHTS, operands_[wdw_].write(to)}});
      operands_[wdw_].finish(stream_);
      stream_.wait();
      for (std::size_t i = 0; adding && i < sum_.size(); ++i) gradients.weights[i] += sum_[i];
    }
    if (gradients.bias != nullptr) {
      add_channel_sums(gradients.bias, dy, g_.images, g_.outputs, g_.output_points(), threads_);
    }
    if (gradients.data != nullptr) {
      data_.execute(stream_, {{DNNL_ARG_DIFF_DST, operands_[ddy_].read(stream_, dy)},
                              {DNNL_ARG_WEIGHTS, operands_[dw_].read(stream_, weights)},
                              {DNNL_ARG_DIFF_SRC, operands_[ddx_].write(gradients.data)}});
      operands_[ddx_].finish(stream_);
      stream_.wait();
    }
  }

  std::int64_t workspace_bytes() const override {
    std::int64_t bytes = static_cast<std::int64_t>((zeros_.size() + sum_.size()) * sizeof(float));
    for (const Operand& operand : operands_) bytes += operand.bytes();
    return bytes;
  }

 private:
  static Dims dims(const std::vector<int>& values) { return {values.begin(), values.end()}; }

  ConvolutionGeometry g_;
  int threads_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::convolution_forward forward_;
  dnnl::convolution_backward_weights weights_;
  dnnl::convolution_backward_data data_;
  std::vector<Operand> operands_;
  std::size_t x_ = 0, w_ = 0, y_ = 0;            // forward
  std::size_t wx_ = 0, wdw_ = 0, wdy_ = 0;       // weight gradient
  std::size_t ddy_ = 0, dw_ = 0, ddx_ = 0;       // data gradient
  memory bias_;
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
