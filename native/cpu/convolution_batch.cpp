#include <algorithm>
#include <vector>

#include "cpu/convolution_algorithm.h"
#include "cpu/isa.h"
#include "cpu/kernels/batch_convolution.h"
#include "cpu/kernels/kernels.h"
#include "cpu/parallel.h"

namespace olmp {
namespace {

// A chunk's buffers should stay in the second-level cache; where they do not, columns or oneDNN do better.
constexpr std::int64_t kMaxChunkFloats = 1 << 20;

const BatchConvolutionKernels& batch_kernels() {
  return cpu_isa() == CpuIsa::kAvx512 ? avx512::batch_convolution_kernels() : avx2::batch_convolution_kernels();
}

class BatchAlgorithm final : public ConvolutionAlgorithm {
 public:
  BatchAlgorithm(const ConvolutionGeometry& geometry, const BatchConvolution& group, int threads,
                 const std::string& layer)
      : g_(geometry), c_(group), k_(batch_kernels()) {
    for (std::int64_t first = 0; first < g_.images;) {
      const std::int64_t left = g_.images - first;
      // A rest of less than a vector is padded with zeros.
      const int size = left > k_.lanes ? k_.max_chunk : k_.lanes;
      const int images = static_cast<int>(std::min<std::int64_t>(left, size));
      chunks_.push_back({first, images, size});
      first += images;
    }
    workers_ = std::min<std::int64_t>(threads, static_cast<std::int64_t>(chunks_.size()));
    weight_count_ = static_cast<std::int64_t>(c_.outputs) * c_.channels * c_.taps();
    const auto buffer = [&](std::int64_t floats) {
      bytes_ += floats * static_cast<std::int64_t>(sizeof(float));
      return allocate_host(floats, "the buffers of layer '" + layer + "'");
    };
    const std::int64_t inner = static_cast<std::int64_t>(c_.input[0]) * c_.input[1] * c_.channels;
    forward_weights_ = buffer(g_.group * k_.packed_size(c_.outputs, c_.taps(), c_.channels));
    backward_weights_ = buffer(g_.group * k_.packed_size(c_.channels, c_.taps(), c_.outputs));
    for (std::int64_t w = 0; w < workers_; ++w) {
      Worker worker;
      // The chunks of one vector use a prefix; the border of x must stay zero for both sizes, so each has its own.
      worker.x = buffer(c_.x_size() * k_.max_chunk);
      worker.x_narrow = buffer(c_.x_size() * k_.lanes);
      worker.y = buffer(c_.y_size() * k_.max_chunk);
      worker.dx = buffer(inner * k_.max_chunk);
      // Each worker but the first sums its chunks' gradients apart; they are added in worker order.
      if (w > 0) worker.partial = buffer(g_.group * (weight_count_ + c_.outputs));
      worker_.push_back(std::move(worker));
    }
  }

  void forward(const float* x, const float* weights, const float* bias, float* y) override {
    const std::int64_t packed = k_.packed_size(c_.outputs, c_.taps(), c_.channels);
    for (int group = 0; group < g_.group; ++group) {
      k_.pack_forward(c_, weights + group * weight_count_, forward_weights_.get() + group * packed);
    }
    for_each_chunk([&](Worker& worker, const Chunk& chunk, bool) {
      for (int group = 0; group < g_.group; ++group) {
        const float* columns = gather_x(worker, chunk, group, x);
        k_.forward(c_, chunk.size, columns, forward_weights_.get() + group * packed,
                   bias == nullptr ? nullptr : bias + group * c_.outputs, worker.y.get());
        k_.scatter(worker.y.get(), chunk.size, c_.outputs, g_.output_points(),
                   y + chunk.first * g_.output_count() + group * c_.outputs * g_.output_points(), g_.output_count(),
                   chunk.images);
      }
    });
  }

  void backward(const float* x, const float* dy, const float* weights, const ConvolutionGradients& gradients) override {
    const std::int64_t packed = k_.packed_size(c_.channels, c_.taps(), c_.outputs);
    for (int group = 0; group < g_.group && gradients.data != nullptr; ++group) {
      k_.pack_backward(c_, weights + group * weight_count_, backward_weights_.get() + group * packed);
    }
    for_each_chunk([&](Worker& worker, const Chunk& chunk, bool first) {
      for (int group = 0; group < g_.group; ++group) {
        const int size[2] = {c_.output[0], c_.output[1]};
        const int none[2] = {0, 0};
        k_.gather(dy + chunk.first * g_.output_count() + group * c_.outputs * g_.output_points(), g_.output_count(),
                  chunk.images, chunk.size, c_.outputs, size, none, worker.y.get());
        if (gradients.weights != nullptr) {
          const bool apart = worker.partial != nullptr;
          float* dw = (apart ? worker.partial.get() : gradients.weights) + group * weight_count_;
          const float beta = !first ? 1.0F : (apart ? 0.0F : gradients.weights_beta);
          k_.backward_weights(c_, chunk.size, gather_x(worker, chunk, group, x), worker.y.get(), beta, dw);
        }
        if (gradients.bias != nullptr) {
          float* partial = worker.partial == nullptr ? nullptr : worker.partial.get() + g_.group * weight_count_;
          float* db = (partial == nullptr ? gradients.bias : partial) + group * c_.outputs;
          if (partial != nullptr && first) std::fill(db, db + c_.outputs, 0.0F);
          k_.backward_bias(c_, chunk.size, worker.y.get(), db);
        }
        if (gradients.data != nullptr) {
          k_.backward_data(c_, chunk.size, worker.y.get(), backward_weights_.get() + group * packed, worker.dx.get());
          k_.scatter(worker.dx.get(), chunk.size, c_.channels, g_.input_points(),
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
    int size;
  };
  struct Worker {
    FloatBuffer x{nullptr, [](float*) {}};
    FloatBuffer x_narrow{nullptr, [](float*) {}};
    FloatBuffer y{nullptr, [](float*) {}};
    FloatBuffer dx{nullptr, [](float*) {}};
    FloatBuffer partial{nullptr, [](float*) {}};
  };

  const float* gather_x(Worker& worker, const Chunk& chunk, int group, const float* x) const {
    float* to = chunk.size == k_.max_chunk ? worker.x.get() : worker.x_narrow.get();
    k_.gather(x + chunk.first * g_.input_count() + group * c_.channels * g_.input_points(), g_.input_count(),
              chunk.images, chunk.size, c_.channels, c_.input, c_.pad, to);
    return to;
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
  if (g.input.size() != 2 || g.images < batch_kernels().lanes / 2) return nullptr;
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
  if ((c.x_size() + c.y_size()) * batch_kernels().max_chunk > kMaxChunkFloats) return nullptr;
  return std::make_unique<BatchAlgorithm>(geometry, c, threads, layer);
}

}  // namespace olmp
