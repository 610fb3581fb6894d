#include "cuda/kernels/channel.h"

namespace olmp::cuda {
namespace {

OLMP_KERNEL inline Index channel_of(const Channels& view, Index i) {
  return divide(divide(i, view.inner).quotient, view.channels).remainder;
}

// Place of element k of a channel's outer * inner elements.
OLMP_KERNEL inline Index place_in(const Channels& view, Index channel, Index k) {
  const Quotient at = divide(k, view.inner);
  return (at.quotient * view.channels + channel) * view.inner + at.remainder;
}

// The embedding row that an index names, or -1.
OLMP_KERNEL inline Index row_of(float value, Index inputs) {
  if (!(value >= 0 && value < static_cast<float>(inputs)) || value != std::floor(value)) return -1;
  return static_cast<Index>(value);
}

}  // namespace

void channel_affine(const Stream& stream, const Channels& view, const float* x, const float* factor, const float* bias,
                    float* y) {
  for_each(stream, view.count(), [=] OLMP_KERNEL(Index i) {
    const Index channel = channel_of(view, i);
    const float scaled = factor == nullptr ? x[i] : x[i] * factor[channel];
    y[i] = bias == nullptr ? scaled : scaled + bias[channel];
  });
}

void add_bias(const Stream& stream, Index candidates, const Channels& view, const float* bias, bool rectified, float slope,
              float* y) {
  for_each(stream, candidates * view.count(), [=] OLMP_KERNEL(Index i) {
    float value = y[i];
    if (bias != nullptr) {
      const Quotient own = candidates == 1 ? Quotient{0, i} : divide(i, view.count());
      value += bias[own.quotient * view.channels + channel_of(view, own.remainder)];
    }
    y[i] = rectified ? larger(value, 0.0F) + slope * smaller(value, 0.0F) : value;
  });
}

namespace {

struct SetSum {
  float beta;
  float* to;
  OLMP_KERNEL void operator()(Index channel, double sum) const {
    to[channel] = (beta == 0 ? 0.0F : to[channel]) + static_cast<float>(sum);
  }
};

// set(channel, sum of term(i) over the channel's elements i)
template <class Term, class Set>
void sum_channels(const Stream& stream, const Channels& view, Term term, Set set) {
  if (view.inner == 1) {
    const Index channels = view.channels;
    sum_columns(stream, view.outer, channels,
                [=] OLMP_KERNEL(Index row, Index channel) { return term(row * channels + channel); }, set);
    return;
  }
  const Index n = view.outer * view.inner;
  for_each_team(stream, view.channels, n, [=] OLMP_KERNEL(Team team, Index channel) {
    const double sum = team.sum(n, [=](Index k) { return term(place_in(view, channel, k)); });
    if (team.first()) set(channel, sum);
  });
}

struct Gradient {
  const float* dy;
  const float* x;
  OLMP_KERNEL double operator()(Index i) const {
    return x == nullptr ? static_cast<double>(dy[i]) : static_cast<double>(dy[i]) * x[i];
  }
};

struct RectifiedGradient {
  const float* y;
  float slope;
  float* dy;
  OLMP_KERNEL double operator()(Index i) const {
    const float g = y[i] > 0.0F ? dy[i] : slope * dy[i];
    dy[i] = g;
    return static_cast<double>(g);
  }
};

struct SquaredValue {
  const float* values;
  OLMP_KERNEL double operator()(Index i) const { return static_cast<double>(values[i]) * values[i]; }
};

}  // namespace

void channel_sums(const Stream& stream, const Channels& view, const float* dy, const float* x, float beta, float* to) {
  sum_channels(stream, view, Gradient{dy, x}, SetSum{beta, to});
}

void rectified_channel_sums(const Stream& stream, const Channels& view, const float* y, float slope, float beta, float* dy,
                            float* to) {
  sum_channels(stream, view, RectifiedGradient{y, slope, dy}, SetSum{beta, to});
}

void add_squared_channel_sums(const Stream& stream, const Channels& view, const float* dy, float* sums, float* to) {
  const float* values = dy;
  if (view.inner != 1) {
    const Index inner = view.inner;
    for_each_team(stream, view.outer * view.channels, inner, [=] OLMP_KERNEL(Team team, Index row) {
      const float* from = dy + row * inner;
      const double sum = team.sum(inner, [=](Index k) { return from[k]; });
      if (team.first()) sums[row] = static_cast<float>(sum);
    });
    values = sums;
  }
  sum_channels(stream, {view.outer, view.channels, 1}, SquaredValue{values}, SetSum{1, to});
}

void prelu_forward(const Stream& stream, const Channels& view, bool shared, const float* x, const float* slopes,
                   float* y, float* kept) {
  for_each(stream, view.count(), [=] OLMP_KERNEL(Index i) {
    const float from = x[i];
    if (kept != nullptr) kept[i] = from;
    y[i] = larger(from, 0.0F) + slopes[shared ? 0 : channel_of(view, i)] * smaller(from, 0.0F);
  });
}

void prelu_backward(const Stream& stream, const Channels& view, bool shared, const float* dy, const float* x,
                    const float* slopes, float* dx) {
  for_each(stream, view.count(), [=] OLMP_KERNEL(Index i) {
    dx[i] = dy[i] * (x[i] > 0 ? 1.0F : slopes[shared ? 0 : channel_of(view, i)]);
  });
}

void prelu_slope_gradient(const Stream& stream, const Channels& view, bool shared, const float* dy, const float* x,
                          float* to) {
  const Index n = shared ? view.count() : view.outer * view.inner;
  for_each_team(stream, shared ? 1 : view.channels, n, [=] OLMP_KERNEL(Team team, Index channel) {
    const double sum = team.sum(n, [=](Index k) {
      const Index i = shared ? k : place_in(view, channel, k);
      return x[i] <= 0 ? dy[i] * x[i] : 0.0F;
    });
    if (team.first()) to[channel] += static_cast<float>(sum);
  });
}

void batch_norm_forward(const Stream& stream, const Channels& view, const BatchNormNumbers& numbers, const float* x,
                        float* sums, float* variances, float* weight, float* deviation, float* y, float* normalised) {
  const Index n = view.outer * view.inner;
  const auto elements = static_cast<double>(n);
  const auto correction = static_cast<float>(n > 1 ? elements / (elements - 1) : 1);
  for_each_team(stream, view.channels, n, [=] OLMP_KERNEL(Team team, Index c) {
    const float factor = *weight == 0 ? 0.0F : 1.0F / *weight;
    float mean = sums[c] * factor;
    float variance = variances[c] * factor;
    if (!numbers.global) {
      mean = static_cast<float>(team.sum(n, [=](Index k) { return x[place_in(view, c, k)]; }) / elements);
      variance = static_cast<float>(team.sum(n, [=](Index k) {
        const double distance = x[place_in(view, c, k)] - mean;
        return distance * distance;
      }) / elements);
      if (team.first()) {
        sums[c] = mean + numbers.fraction * sums[c];
        variances[c] = correction * variance + numbers.fraction * variances[c];
      }
    }
    const float divisor = std::sqrt(variance + numbers.eps);
    if (team.first()) deviation[c] = divisor;
    team.each(n, [=](Index k) {
      const Index i = place_in(view, c, k);
      const float value = (x[i] - mean) / divisor;
      y[i] = value;
      if (normalised != nullptr) normalised[i] = value;
    });
  });
  const float fraction = numbers.fraction;
  if (!numbers.global) for_each(stream, 1, [=] OLMP_KERNEL(Index) { *weight = 1.0F + fraction * *weight; });
}

void batch_norm_backward(const Stream& stream, const Channels& view, bool global, const float* dy, const float* y,
                         const float* deviation, float* dx) {
  const Index n = view.outer * view.inner;
  const auto elements = static_cast<double>(n);
  for_each_team(stream, view.channels, n, [=] OLMP_KERNEL(Team team, Index c) {
    const float divisor = deviation[c];
    float mean = 0;
    float slope = 0;
    if (!global) {
      mean = static_cast<float>(team.sum(n, [=](Index k) { return dy[place_in(view, c, k)]; }) / elements);
      slope = static_cast<float>(team.sum(n, [=](Index k) {
        const Index i = place_in(view, c, k);
        return static_cast<double>(dy[i]) * y[i];
      }) / elements);
    }
    team.each(n, [=](Index k) {
      const Index i = place_in(view, c, k);
      dx[i] = (global ? dy[i] : dy[i] - mean - slope * y[i]) / divisor;
    });
  });
}

void embed_forward(const Stream& stream, const FaultPlace& place, const float* indices, Index n, Index inputs,
                   Index outputs, const float* weights, const float* bias, float* y) {
  for_each(stream, n * outputs, [=] OLMP_KERNEL(Index i) {
    const Quotient at = divide(i, outputs);
    const float index = indices[at.quotient];
    const Index row = row_of(index, inputs);
    if (row < 0) {
      report(place, index, inputs);
      y[i] = 0;
      return;
    }
    y[i] = weights[row * outputs + at.remainder] + (bias == nullptr ? 0.0F : bias[at.remainder]);
  });
}

// One thread per output adds the rows in the order of the batch, so that the sum is the same every time.
void embed_backward(const Stream& stream, const float* indices, Index n, Index inputs, Index outputs, const float* dy,
                    float* weights) {
  for_each(stream, outputs, [=] OLMP_KERNEL(Index output) {
    for (Index k = 0; k < n; ++k) {
      const Index row = row_of(indices[k], inputs);
      if (row >= 0) weights[row * outputs + output] += dy[k * outputs + output];
    }
  });
}

}  // namespace olmp::cuda
