#include "cpu/pooler.h"

#include <algorithm>
#include <cfloat>

#include "cpu/checks.h"
#include "cpu/kernels/kernels.h"
#include "cpu/parallel.h"

namespace olmp {

struct Pooler::Window {
  int top, bottom, left, right;  // clipped to the image
  int size;                      // clipped to the padded image only: what an average divides by
};

void set_pooled_size(PoolingGeometry& g, bool ceil) {
  const bool padded = g.pad[0] > 0 || g.pad[1] > 0;
  for (int a = 0; a < 2; ++a) {
    const int room = g.input[a] + 2 * g.pad[a] - g.kernel[a];
    g.output[a] = (room + (ceil ? g.stride[a] - 1 : 0)) / g.stride[a] + 1;
    if (padded && (g.output[a] - 1) * g.stride[a] >= g.input[a] + g.pad[a]) --g.output[a];
  }
}

PoolingGeometry pooling_geometry(const LayerContext& context) {
  const Shape& shape = context.bottoms.at(0)->shape;
  require(shape.size() == 4, context, "its bottom must have the axes (N, C, H, W).");
  PoolingGeometry g;
  g.images = shape[0];
  g.channels = shape[1];
  for (std::size_t a = 0; a < 2; ++a) {
    g.input[a] = shape[2 + a];
    g.kernel[a] = context.params.at("global_pooling").get<bool>() ? shape[2 + a]
                                                                  : context.params.at("kernel_size").at(a).get<int>();
    g.stride[a] = context.params.at("stride").at(a).get<int>();
    g.pad[a] = context.params.at("pad").at(a).get<int>();
    require(g.kernel[a] > 0 && g.stride[a] > 0, context, "its kernel and stride must be at least 1.");
  }
  set_pooled_size(g, context.params.at("round_mode").get<std::string>() == "CEIL");
  return g;
}

PoolMethod pool_method(const LayerContext& context) {
  const auto name = context.params.at("pool").get<std::string>();
  if (name == "MAX") return PoolMethod::kMax;
  if (name == "AVE") return PoolMethod::kAverage;
  if (name == "STOCHASTIC") return PoolMethod::kStochastic;
  refuse(context, "its pooling method '" + name + "' is unknown.");
}

namespace {

bool halves(const PoolingGeometry& g) {
  bool whole = true;
  for (int a = 0; a < 2; ++a) {
    whole = whole && g.kernel[a] == 2 && g.stride[a] == 2 && g.pad[a] == 0 && g.input[a] % 2 == 0;
  }
  return whole;
}

}  // namespace

Pooler::Pooler(const LayerContext& context, const PoolingGeometry& geometry, PoolMethod method)
    : g_(geometry),
      method_(method),
      halving_(method == PoolMethod::kMax && halves(geometry)),
      phase_(context.phase),
      random_(context.random),
      threads_(context.threads) {
  for (int a = 0; a < 2; ++a) {
    require(g_.kernel[a] > 0 && g_.stride[a] > 0 && g_.pad[a] >= 0 && g_.pad[a] < g_.kernel[a], context,
            "its kernel and stride must be at least 1, and its padding smaller than its kernel.");
    require(g_.output[a] > 0, context, "its kernel is larger than the padded bottom.");
    require((g_.output[a] - 1) * g_.stride[a] - g_.pad[a] < g_.input[a], context,
            "its last window starts outside the bottom. Use a smaller stride, a padding, or round_mode: FLOOR.");
  }
  const std::int64_t windows = g_.images * g_.channels * g_.output_points();
  if (method != PoolMethod::kAverage) chosen_.resize(static_cast<std::size_t>(windows));
  if (method == PoolMethod::kStochastic) {
    require(g_.pad[0] == 0 && g_.pad[1] == 0, context, "stochastic pooling takes no padding.");
    draws_.resize(static_cast<std::size_t>(windows));
  }
}

std::int64_t Pooler::workspace_bytes() const {
  return static_cast<std::int64_t>(chosen_.size() * sizeof(std::int32_t) + draws_.size() * sizeof(float));
}

Pooler::Window Pooler::window(std::int64_t row, std::int64_t column) const {
  Window w{};
  const int top = static_cast<int>(row) * g_.stride[0] - g_.pad[0];
  const int left = static_cast<int>(column) * g_.stride[1] - g_.pad[1];
  const int bottom = std::min(top + g_.kernel[0], g_.input[0] + g_.pad[0]);
  const int right = std::min(left + g_.kernel[1], g_.input[1] + g_.pad[1]);
  w.size = (bottom - top) * (right - left);
  w.top = std::max(top, 0);
  w.left = std::max(left, 0);
  w.bottom = std::min(bottom, g_.input[0]);
  w.right = std::min(right, g_.input[1]);
  return w;
}

// body(image, channel, index of the plane's first window)
template <typename Body>
void Pooler::for_each_plane(const Body& body) const {
  const std::int64_t planes = g_.images * g_.channels;
  parallel_for(threads_, planes, 1 + 8192 / g_.input_points(), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t plane = first; plane < last; ++plane) {
      body(plane / g_.channels, plane % g_.channels, static_cast<std::size_t>(plane * g_.output_points()));
    }
  });
}

void Pooler::forward(const float* x, std::int64_t x_stride, float* y, std::int64_t y_stride) {
  const bool training = phase_ == Phase::kTrain;
  if (method_ == PoolMethod::kStochastic && training) {
    for (float& draw : draws_) draw = static_cast<float>(random_->uniform());
  }
  for_each_plane([&](std::int64_t image, std::int64_t channel, std::size_t first) {
    const float* from = x + image * x_stride + channel * g_.input_points();
    float* to = y + image * y_stride + channel * g_.output_points();
    if (halving_) {
      cpu_kernels().max_pool_2x2(from, g_.input[0], g_.input[1], to, chosen_.data() + first);
    } else if (method_ == PoolMethod::kMax) {
      max_plane(from, to, chosen_.data() + first);
    } else if (method_ == PoolMethod::kAverage) {
      average_plane(from, to);
    } else if (training) {
      sample_plane(from, to, chosen_.data() + first, draws_.data() + first);
    } else {
      weighted_plane(from, to);
    }
  });
}

void Pooler::backward(const float* x, const float* y, const float* dy, std::int64_t y_stride, float* dx,
                      std::int64_t x_stride, bool overwrite) {
  const bool choice = method_ == PoolMethod::kMax || (method_ == PoolMethod::kStochastic && phase_ == Phase::kTrain);
  for_each_plane([&](std::int64_t image, std::int64_t channel, std::size_t first) {
    const std::int64_t in = image * x_stride + channel * g_.input_points();
    const std::int64_t out = image * y_stride + channel * g_.output_points();
    float* to = dx + in;
    if (halving_ && overwrite) {
      cpu_kernels().max_pool_2x2_gradient(dy + out, chosen_.data() + first, g_.input[0], g_.input[1], to);
      return;
    }
    if (overwrite) std::fill(to, to + g_.input_points(), 0.0F);
    if (choice) {
      const std::int32_t* chosen = chosen_.data() + first;
      for (std::int64_t i = 0; i < g_.output_points(); ++i) {
        if (chosen[i] >= 0) to[chosen[i]] += dy[out + i];
      }
    } else if (method_ == PoolMethod::kAverage) {
      average_gradient(dy + out, to);
    } else {
      weighted_gradient(x + in, y + out, dy + out, to);
    }
  });
}

void Pooler::max_plane(const float* x, float* y, std::int32_t* chosen) const {
  // Windows [begin, end) of a row of windows lie inside the image's width.
  const int begin = std::min(g_.output[1], (g_.pad[1] + g_.stride[1] - 1) / g_.stride[1]);
  const int room = g_.input[1] + g_.pad[1] - g_.kernel[1];
  const int end = room < 0 ? begin : std::max(begin, std::min(g_.output[1], room / g_.stride[1] + 1));
  for (int row = 0; row < g_.output[0]; ++row) {
    for (int column = 0; column < g_.output[1]; ++column) {
      const Window w = window(row, column);
      if (column == begin && end > begin) {
        const std::int32_t first = w.top * g_.input[1] + w.left;
        if (cpu_kernels().max_pool_row(x + first, first, g_.input[1], w.bottom - w.top, g_.kernel[1], g_.stride[1],
                                       end - begin, y, chosen)) {
          y += end - begin;
          chosen += end - begin;
          column = end - 1;
          continue;
        }
      }
      float best = -FLT_MAX;
      std::int32_t at = -1;
      for (int h = w.top; h < w.bottom; ++h) {
        for (int v = w.left; v < w.right; ++v) {
          const std::int32_t index = h * g_.input[1] + v;
          if (x[index] > best) {
            best = x[index];
            at = index;
          }
        }
      }
      *y++ = best;
      *chosen++ = at;
    }
  }
}

void Pooler::average_plane(const float* x, float* y) const {
  for (int row = 0; row < g_.output[0]; ++row) {
    for (int column = 0; column < g_.output[1]; ++column) {
      const Window w = window(row, column);
      float sum = 0;
      for (int h = w.top; h < w.bottom; ++h) {
        for (int v = w.left; v < w.right; ++v) sum += x[h * g_.input[1] + v];
      }
      *y++ = sum / static_cast<float>(w.size);
    }
  }
}

void Pooler::average_gradient(const float* dy, float* dx) const {
  for (int row = 0; row < g_.output[0]; ++row) {
    for (int column = 0; column < g_.output[1]; ++column) {
      const Window w = window(row, column);
      const float share = *dy++ / static_cast<float>(w.size);
      for (int h = w.top; h < w.bottom; ++h) {
        for (int v = w.left; v < w.right; ++v) dx[h * g_.input[1] + v] += share;
      }
    }
  }
}

// Training: an element drawn with probability proportional to its value (Zeiler, Fergus 2013).
void Pooler::sample_plane(const float* x, float* y, std::int32_t* chosen, const float* random) const {
  for (int row = 0; row < g_.output[0]; ++row) {
    for (int column = 0; column < g_.output[1]; ++column) {
      const Window w = window(row, column);
      float sum = 0;
      for (int h = w.top; h < w.bottom; ++h) {
        for (int v = w.left; v < w.right; ++v) sum += x[h * g_.input[1] + v];
      }
      const float threshold = *random++ * sum;
      float reached = 0;
      std::int32_t at = -1;
      for (int h = w.top; h < w.bottom && at < 0; ++h) {
        for (int v = w.left; v < w.right && at < 0; ++v) {
          reached += x[h * g_.input[1] + v];
          if (reached >= threshold) at = h * g_.input[1] + v;
        }
      }
      if (at < 0) at = (w.bottom - 1) * g_.input[1] + w.right - 1;  // rounding left the sum short of the threshold
      *y++ = x[at];
      *chosen++ = at;
    }
  }
}

// Testing: the average weighted by the values themselves.
void Pooler::weighted_plane(const float* x, float* y) const {
  for (int row = 0; row < g_.output[0]; ++row) {
    for (int column = 0; column < g_.output[1]; ++column) {
      const Window w = window(row, column);
      float sum = FLT_MIN;
      float squares = 0;
      for (int h = w.top; h < w.bottom; ++h) {
        for (int v = w.left; v < w.right; ++v) {
          const float value = x[h * g_.input[1] + v];
          sum += value;
          squares += value * value;
        }
      }
      *y++ = squares / sum;
    }
  }
}

// y = sum(x^2) / sum(x), so dy/dx = (2 x - y) / sum(x)
void Pooler::weighted_gradient(const float* x, const float* y, const float* dy, float* dx) const {
  for (int row = 0; row < g_.output[0]; ++row) {
    for (int column = 0; column < g_.output[1]; ++column, ++y, ++dy) {
      const Window w = window(row, column);
      float sum = FLT_MIN;
      for (int h = w.top; h < w.bottom; ++h) {
        for (int v = w.left; v < w.right; ++v) sum += x[h * g_.input[1] + v];
      }
      for (int h = w.top; h < w.bottom; ++h) {
        for (int v = w.left; v < w.right; ++v) {
          const int index = h * g_.input[1] + v;
          dx[index] += *dy * (2 * x[index] - *y) / sum;
        }
      }
    }
  }
}

}  // namespace olmp
