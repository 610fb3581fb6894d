#include <algorithm>
#include <string>
#include <vector>

#include "cpu/convolution_algorithm.h"
#include "cpu/isa.h"
#include "cpu/kernels/batch_convolution.h"
#include "cpu/kernels/batch_winograd.h"
#include "cpu/kernels/kernels.h"
#include "cpu/parallel.h"

namespace olmp {
namespace {

// A chunk's buffers should stay in the second-level cache; where they do not, columns or oneDNN do better.
constexpr std::int64_t kMaxChunkFloats = 1 << 20;

// The transformations of Winograd's algorithm cost more than it saves where there are few channels or outputs.
bool suits_winograd(const BatchConvolution& c) {
  constexpr int kMinPlanes = 8;
  return c.kernel[1] == 5 && c.stride[1] == 1 && c.dilation[1] == 1 && c.output[1] > 1 && c.channels >= kMinPlanes &&
         c.outputs >= kMinPlanes;
}

const BatchConvolutionKernels& batch_kernels(const BatchConvolution& c) {
  const bool wide = cpu_isa() == CpuIsa::kAvx512;
  if (suits_winograd(c)) return wide ? avx512::batch_winograd_kernels() : avx2::batch_winograd_kernels();
  return wide ? avx512::batch_convolution_kernels() : avx2::batch_convolution_kernels();
}

class BatchAlgorithm final : public ConvolutionAlgorithm {
 public:
  BatchAlgorithm(const ConvolutionGeometry& geometry, const BatchConvolution& group, int threads,
                 const std::string& layer)
      : g_(geometry), c_(group), k_(batch_kernels(group)), layout_(k_.layout(group)), offsets_(k_.offsets(group)), layer_(layer) {
    c_.offsets = offsets_.data();
    const int max_chunk = k_.max_vectors * k_.lanes;
    for (std::int64_t first = 0; first < g_.images;) {
      const std::int64_t left = g_.images - first;
      // A rest of less than a vector is padded with zeros.
      const int vectors = left > k_.lanes ? k_.max_vectors : 1;
      const int images = static_cast<int>(std::min<std::int64_t>(left, vectors * k_.lanes));
      chunks_.push_back({first, images, vectors});
      first += images;
    }
    workers_ = std::min<std::int64_t>(threads, static_cast<std::int64_t>(chunks_.size()));
    weight_count_ = static_cast<std::int64_t>(c_.outputs) * c_.channels * c_.taps();
    const std::int64_t inner = static_cast<std::int64_t>(c_.input[0]) * c_.input[1] * c_.channels;
    forward_weights_ = buffer(g_.group * layout_.forward_weights);
    backward_weights_ = buffer(g_.group * layout_.backward_weights);
    for (std::int64_t w = 0; w < workers_; ++w) {
      Worker worker;
      worker.x = buffer(layout_.x * max_chunk);
      worker.y = buffer(c_.y_size() * max_chunk);
      worker.dx = buffer(inner * max_chunk);
      worker.scratch = buffer(layout_.scratch);
      // Each worker but the first sums its chunks' gradients apart; they are added in worker order.
      if (w > 0) worker.partial = buffer(g_.group * (weight_count_ + c_.outputs));
      worker_.push_back(std::move(worker));
    }
  }

  bool take_maxima(bool wanted) override {
    maxima_ = wanted && c_.output[0] % 2 == 0 && c_.output[1] % 2 == 0;
    if (maxima_ && chosen_.empty()) allocate_maxima();
    return maxima_;
  }

  void forward(const float* x, const float* weights, const float* bias, float* y) override {
    const std::int64_t packed = layout_.forward_weights;
    for (int group = 0; group < g_.group; ++group) {
      k_.pack_forward(c_, weights + group * weight_count_, worker_.front().scratch.get(),
                      forward_weights_.get() + group * packed);
    }
    const Top top = this->top();
    for_each_chunk([&](Worker& worker, const Chunk& chunk, bool) {
      for (int group = 0; group < g_.group; ++group) {
        const float* columns = gather_x(worker, chunk, group, x);
        const float* group_weights = forward_weights_.get() + group * packed;
        const float* group_bias = bias == nullptr ? nullptr : bias + group * c_.outputs;
        const float* made = worker.y.get();
        if (maxima_) {
          forward_maxima(worker, chunk, group, columns, group_weights, group_bias);
          made = worker.maxima.get();
        } else {
          k_.forward(c_, chunk.vectors, columns, group_weights, group_bias, worker.scratch.get(), worker.y.get());
        }
        k_.scatter(made, c_.outputs, top.points(), y + chunk.first * top.image(g_) + group * c_.outputs * top.points(),
                   top.image(g_), chunk.images);
      }
    });
  }

  void backward(const float* x, const float* dy, const float* weights, const ConvolutionGradients& gradients) override {
    const std::int64_t packed = layout_.backward_weights;
    for (int group = 0; group < g_.group && gradients.data != nullptr; ++group) {
      k_.pack_backward(c_, weights + group * weight_count_, worker_.front().scratch.get(),
                       backward_weights_.get() + group * packed);
    }
    const Top top = this->top();
    for_each_chunk([&](Worker& worker, const Chunk& chunk, bool first) {
      for (int group = 0; group < g_.group; ++group) {
        float* gathered = maxima_ ? worker.maxima.get() : worker.y.get();
        k_.gather_y(dy + chunk.first * top.image(g_) + group * c_.outputs * top.points(), top.image(g_), chunk.images,
                    chunk.vectors, c_.outputs, top.points(), gathered);
        if (maxima_) k_.max_gradient(c_, chunk.vectors, gathered, chosen(chunk, group), worker.y.get());
        if (gradients.weights != nullptr) {
          const bool apart = worker.partial != nullptr;
          float* dw = (apart ? worker.partial.get() : gradients.weights) + group * weight_count_;
          const float beta = !first ? 1.0F : (apart ? 0.0F : gradients.weights_beta);
          k_.backward_weights(c_, chunk.vectors, gather_x(worker, chunk, group, x), worker.y.get(), beta,
                              worker.scratch.get(), dw);
        }
        if (gradients.bias != nullptr) {
          float* partial = worker.partial == nullptr ? nullptr : worker.partial.get() + g_.group * weight_count_;
          float* db = (partial == nullptr ? gradients.bias : partial) + group * c_.outputs;
          if (partial != nullptr && first) std::fill(db, db + c_.outputs, 0.0F);
          // A maximum's gradient is that of one point.
          BatchConvolution summed = c_;
          std::copy(top.size, top.size + 2, summed.output);
          k_.backward_bias(summed, chunk.vectors, gathered, db);
        }
        if (gradients.data != nullptr) {
          k_.backward_data(c_, chunk.vectors, worker.y.get(), backward_weights_.get() + group * packed,
                           worker.scratch.get(), worker.dx.get());
          k_.scatter(worker.dx.get(), c_.channels, g_.input_points(),
                     gradients.data + chunk.first * g_.input_count() + group * c_.channels * g_.input_points(),
                     g_.input_count(), chunk.images);
        }
      }
    });
    for (const Worker& worker : worker_) {
      if (worker.partial == nullptr) continue;
      const std::int64_t count = g_.group * weight_count_;
      if (gradients.weights != nullptr) cpu_kernels().add(gradients.weights, worker.partial.get(), count);
      if (gradients.bias != nullptr) cpu_kernels().add(gradients.bias, worker.partial.get() + count, g_.outputs);
    }
  }

  std::int64_t workspace_bytes() const override { return bytes_; }

 private:
  struct Chunk {
    std::int64_t first;
    int images;
    int vectors;
  };
  struct Worker {
    FloatBuffer x{nullptr, [](float*) {}};
    FloatBuffer y{nullptr, [](float*) {}};
    FloatBuffer dx{nullptr, [](float*) {}};
    FloatBuffer scratch{nullptr, [](float*) {}};
    FloatBuffer maxima{nullptr, [](float*) {}};  // or their gradient
    FloatBuffer partial{nullptr, [](float*) {}};
  };
  // What y and dy of one image and output are.
  struct Top {
    int size[2];
    std::int64_t points() const { return static_cast<std::int64_t>(size[0]) * size[1]; }
    std::int64_t image(const ConvolutionGeometry& g) const { return g.outputs * points(); }
  };

  Top top() const {
    const int step = maxima_ ? 2 : 1;
    return {{c_.output[0] / step, c_.output[1] / step}};
  }

  void allocate_maxima() {
    const std::int64_t chunk = k_.max_vectors * k_.lanes;
    const std::int64_t padded_images = (g_.images + chunk - 1) / chunk * chunk;
    chosen_.resize(static_cast<std::size_t>(g_.group * c_.y_size() / 4 * padded_images));
    bytes_ += static_cast<std::int64_t>(chosen_.size());
    for (Worker& worker : worker_) worker.maxima = buffer(c_.y_size() / 4 * chunk);
  }

  std::int8_t* chosen(const Chunk& chunk, int group) {
    const std::int64_t maxima = c_.y_size() / 4;
    return chosen_.data() + g_.group * maxima * chunk.first + group * maxima * chunk.vectors * k_.lanes;
  }

  // Two rows at a time: they are still in the cache when their maxima are taken.
  void forward_maxima(Worker& worker, const Chunk& chunk, int group, const float* columns, const float* weights,
                      const float* bias) {
    BatchConvolution rows = c_;
    rows.output[0] = 2;
    const std::int64_t stride = c_.y_size() / 4 * k_.lanes;
    const std::int64_t step_x = c_.stride[0] * layout_.x_line * k_.lanes;
    std::int64_t to = 0;
    for (int row = 0; row < c_.output[0]; row += 2, to += rows.y_size() / 4 * k_.lanes) {
      k_.forward(rows, chunk.vectors, columns + row * step_x, weights, bias, worker.scratch.get(), worker.y.get());
      k_.max(rows, chunk.vectors, worker.y.get(), stride, worker.maxima.get() + to, chosen(chunk, group) + to);
    }
  }

  FloatBuffer buffer(std::int64_t floats) {
    bytes_ += floats * static_cast<std::int64_t>(sizeof(float));
    return allocate_host(floats, "the buffers of layer '" + layer_ + "'");
  }

  const float* gather_x(Worker& worker, const Chunk& chunk, int group, const float* x) const {
    k_.gather_x(c_, x + chunk.first * g_.input_count() + group * c_.channels * g_.input_points(), g_.input_count(),
                chunk.images, chunk.vectors, worker.scratch.get(), worker.x.get());
    return worker.x.get();
  }

  // body(worker, chunk, whether it is the worker's first)
  template <typename Body>
  void for_each_chunk(const Body& body) {
    const auto count = static_cast<std::int64_t>(chunks_.size());
    parallel_for(static_cast<int>(workers_), workers_, 1, [&](std::int64_t from, std::int64_t to) {
      for (std::int64_t w = from; w < to; ++w) {
        const std::int64_t first = count * w / workers_;
        for (std::int64_t i = first; i < count * (w + 1) / workers_; ++i) {
          body(worker_[static_cast<std::size_t>(w)], chunks_[static_cast<std::size_t>(i)], i == first);
        }
      }
    });
  }

  ConvolutionGeometry g_;
  BatchConvolution c_;
  const BatchConvolutionKernels& k_;
  BatchLayout layout_;
  std::vector<std::int32_t> offsets_;
  std::string layer_;
  bool maxima_ = false;
  std::vector<std::int8_t> chosen_;  // by chunk and group: where each maximum came from
  std::vector<Chunk> chunks_;
  std::int64_t workers_ = 1;
  std::int64_t weight_count_ = 0;
  std::int64_t bytes_ = 0;
  FloatBuffer forward_weights_{nullptr, [](float*) {}};
  FloatBuffer backward_weights_{nullptr, [](float*) {}};
  std::vector<Worker> worker_;
};

}  // namespace

std::unique_ptr<ConvolutionAlgorithm> make_batch_convolution(const ConvolutionGeometry& geometry, int threads,
                                                             const std::string& layer) {
  const ConvolutionGeometry& g = geometry;
  if (g.input.size() != 2) return nullptr;
  BatchConvolution c;
  c.channels = g.channels / g.group;
  c.outputs = g.outputs / g.group;
  for (std::size_t a = 0; a < 2; ++a) {
    c.input[a] = g.input[a];
    c.output[a] = g.output[a];
    c.kernel[a] = g.kernel[a];
    c.stride[a] = g.stride[a];
    c.pad[a] = g.pad[a];
    c.dilation[a] = g.dilation[a];
  }
  const BatchConvolutionKernels& k = batch_kernels(c);
  if (g.images < k.lanes / 2) return nullptr;
  if ((c.x_size() + c.y_size()) * k.max_vectors * k.lanes > kMaxChunkFloats) return nullptr;
  return std::make_unique<BatchAlgorithm>(geometry, c, threads, layer);
}

}  // namespace olmp
