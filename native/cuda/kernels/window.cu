#include "cuda/kernels/window.h"

#include <cfloat>

#include "cuda/kernels/places.h"

namespace olmp::cuda {

void images_to_columns(const Stream& stream, const Columns& g, Index images, const float* from, float* columns) {
  const Index n = images * g.channels * g.kernel_points * g.output_points;
  for_each(stream, n, [=] OLMP_KERNEL(Index i) {
    const Quotient row = divide(i, g.output_points);
    const Quotient plane = divide(row.quotient, g.kernel_points);
    const Place at = place_of(row.remainder, g.output, g.axes);
    const Place tap = place_of(plane.remainder, g.kernel, g.axes);
    const Index offset = input_of(g, at, tap, g.axes);
    columns[i] = offset < 0 ? 0.0F : from[plane.quotient * g.input_points + offset];
  });
}

// Each point gathers from every kernel point that reached it, in a fixed order.
void columns_to_images(const Stream& stream, const Columns& g, Index images, const float* columns, float* to) {
  for_each(stream, images * g.channels * g.input_points, [=] OLMP_KERNEL(Index i) {
    const Quotient plane = divide(i, g.input_points);
    const Place point = place_of(plane.remainder, g.input, g.axes);
    const float* from = columns + plane.quotient * g.kernel_points * g.output_points;
    float sum = 0;
    for (Index k = 0; k < g.kernel_points; ++k) {
      const Index offset = output_of(g, point, place_of(k, g.kernel, g.axes), g.axes);
      if (offset >= 0) sum += from[k * g.output_points + offset];
    }
    to[i] = sum;
  });
}

namespace {

// A window of a plane: rows [top, bottom) and columns [left, right), clipped to the image; `size` is clipped to the
// padded image only, which is what an average divides by.
struct Window {
  int top, bottom, left, right, size;
};

OLMP_KERNEL inline Window window_at(const Pool& g, int row, int column) {
  const int top = row * g.stride[0] - g.pad[0];
  const int left = column * g.stride[1] - g.pad[1];
  const int bottom = smaller(top + g.kernel[0], g.input[0] + g.pad[0]);
  const int right = smaller(left + g.kernel[1], g.input[1] + g.pad[1]);
  return {larger(top, 0), smaller(bottom, g.input[0]), larger(left, 0), smaller(right, g.input[1]),
          (bottom - top) * (right - left)};
}

// Of window i: its image's and channel's plane in x, its place in y, and its bounds.
struct WindowPlace {
  Index x;
  Index y;
  Window window;
};

OLMP_KERNEL inline WindowPlace window_of(const Pool& g, Index i) {
  const Quotient plane = divide(i, g.output_points());
  const Quotient image = divide(plane.quotient, g.channels);
  const Quotient point = divide(plane.remainder, g.output[1]);
  return {image.quotient * g.x_stride + image.remainder * g.input_points(),
          image.quotient * g.y_stride + image.remainder * g.output_points() + plane.remainder,
          window_at(g, static_cast<int>(point.quotient), static_cast<int>(point.remainder))};
}

// Calls body(window's row, its column, its index in the plane) for the windows that hold point (h, w).
template <class Body>
OLMP_KERNEL void for_windows_over(const Pool& g, int h, int w, const Body& body) {
  const int down = h + g.pad[0];
  const int across = w + g.pad[1];
  const int first_row = down < g.kernel[0] ? 0 : (down - g.kernel[0]) / g.stride[0] + 1;
  const int first_column = across < g.kernel[1] ? 0 : (across - g.kernel[1]) / g.stride[1] + 1;
  const int last_row = smaller(down / g.stride[0], g.output[0] - 1);
  const int last_column = smaller(across / g.stride[1], g.output[1] - 1);
  for (int row = first_row; row <= last_row; ++row) {
    for (int column = first_column; column <= last_column; ++column) {
      body(row, column, static_cast<Index>(row) * g.output[1] + column);
    }
  }
}

// dx of every input point: the sum of share(its plane in x, in y and among the windows, its point, window) over the
// windows that hold it.
template <class Share>
void gather_gradient(const Stream& stream, const Pool& g, float* dx, bool overwrite, Share share) {
  for_each(stream, g.images * g.channels * g.input_points(), [=] OLMP_KERNEL(Index i) {
    const Quotient plane = divide(i, g.input_points());
    const Quotient image = divide(plane.quotient, g.channels);
    const Quotient point = divide(plane.remainder, g.input[1]);
    const Index x = image.quotient * g.x_stride + image.remainder * g.input_points();
    const Index y = image.quotient * g.y_stride + image.remainder * g.output_points();
    const Index first_window = plane.quotient * g.output_points();
    float sum = 0;
    for_windows_over(g, static_cast<int>(point.quotient), static_cast<int>(point.remainder),
                     [&](int row, int column, Index window) {
                       sum += share(x, y, first_window, plane.remainder, window, window_at(g, row, column));
                     });
    float* to = dx + x + plane.remainder;
    *to = overwrite ? sum : *to + sum;
  });
}

struct ChosenShare {
  const float* dy;
  const int* chosen;
  OLMP_KERNEL float operator()(Index, Index y, Index first_window, Index point, Index window, const Window&) const {
    return chosen[first_window + window] == static_cast<int>(point) ? dy[y + window] : 0.0F;
  }
};

struct AverageShare {
  const float* dy;
  OLMP_KERNEL float operator()(Index, Index y, Index, Index, Index window, const Window& bounds) const {
    return dy[y + window] / static_cast<float>(bounds.size);
  }
};

// y = sum(x^2) / sum(x), so dy/dx = (2 x - y) / sum(x)
struct WeightedShare {
  const float* x;
  const float* y;
  const float* dy;
  int width;
  OLMP_KERNEL float operator()(Index plane, Index top, Index, Index point, Index window, const Window& bounds) const {
    float sum = FLT_MIN;
    for (int h = bounds.top; h < bounds.bottom; ++h) {
      for (int v = bounds.left; v < bounds.right; ++v) sum += x[plane + static_cast<Index>(h) * width + v];
    }
    return dy[top + window] * (2 * x[plane + point] - y[top + window]) / sum;
  }
};

}  // namespace

void max_pool(const Stream& stream, const Pool& g, const float* x, float* y, int* chosen) {
  for_each(stream, g.windows(), [=] OLMP_KERNEL(Index i) {
    const WindowPlace place = window_of(g, i);
    const float* plane = x + place.x;
    float best = -FLT_MAX;
    int at = -1;
    for (int h = place.window.top; h < place.window.bottom; ++h) {
      for (int v = place.window.left; v < place.window.right; ++v) {
        const int index = h * g.input[1] + v;
        if (plane[index] > best) {
          best = plane[index];
          at = index;
        }
      }
    }
    y[place.y] = best;
    chosen[i] = at;
  });
}

void average_pool(const Stream& stream, const Pool& g, const float* x, float* y) {
  for_each(stream, g.windows(), [=] OLMP_KERNEL(Index i) {
    const WindowPlace place = window_of(g, i);
    float sum = 0;
    for (int h = place.window.top; h < place.window.bottom; ++h) {
      for (int v = place.window.left; v < place.window.right; ++v) sum += x[place.x + h * g.input[1] + v];
    }
    y[place.y] = sum / static_cast<float>(place.window.size);
  });
}

void sample_pool(const Stream& stream, const Pool& g, const PassKey* pass, std::uint64_t salt, const float* x,
                 float* y, int* chosen) {
  for_each(stream, g.windows(), [=] OLMP_KERNEL(Index i) {
    const WindowPlace place = window_of(g, i);
    const float* plane = x + place.x;
    const Window& w = place.window;
    float sum = 0;
    for (int h = w.top; h < w.bottom; ++h) {
      for (int v = w.left; v < w.right; ++v) sum += plane[h * g.input[1] + v];
    }
    const float threshold = static_cast<float>(draw(pass, salt, divide(i, g.period).remainder) >> 8) * 0x1.0p-24F * sum;
    float reached = 0;
    int at = -1;
    for (int h = w.top; h < w.bottom && at < 0; ++h) {
      for (int v = w.left; v < w.right && at < 0; ++v) {
        reached += plane[h * g.input[1] + v];
        if (reached >= threshold) at = h * g.input[1] + v;
      }
    }
    if (at < 0) at = (w.bottom - 1) * g.input[1] + w.right - 1;  // rounding left the sum short of the threshold
    y[place.y] = plane[at];
    chosen[i] = at;
  });
}

void weighted_pool(const Stream& stream, const Pool& g, const float* x, float* y) {
  for_each(stream, g.windows(), [=] OLMP_KERNEL(Index i) {
    const WindowPlace place = window_of(g, i);
    float sum = FLT_MIN;
    float squares = 0;
    for (int h = place.window.top; h < place.window.bottom; ++h) {
      for (int v = place.window.left; v < place.window.right; ++v) {
        const float value = x[place.x + h * g.input[1] + v];
        sum += value;
        squares += value * value;
      }
    }
    y[place.y] = squares / sum;
  });
}

void chosen_gradient(const Stream& stream, const Pool& g, const float* dy, const int* chosen, float* dx,
                     bool overwrite) {
  gather_gradient(stream, g, dx, overwrite, ChosenShare{dy, chosen});
}

void average_gradient(const Stream& stream, const Pool& g, const float* dy, float* dx, bool overwrite) {
  gather_gradient(stream, g, dx, overwrite, AverageShare{dy});
}

void weighted_gradient(const Stream& stream, const Pool& g, const float* x, const float* y, const float* dy, float* dx,
                       bool overwrite) {
  gather_gradient(stream, g, dx, overwrite, WeightedShare{x, y, dy, g.input[1]});
}

void positions_as_floats(const Stream& stream, const int* chosen, float* top, Index n) {
  for_each(stream, n, [=] OLMP_KERNEL(Index i) { top[i] = static_cast<float>(chosen[i]); });
}

namespace {

// x ^ -power; AlexNet's and GoogLeNet's power has a short way.
OLMP_KERNEL inline float negative_power(float base, float power) {
  if (power == 0.75F) {
    const float root = std::sqrt(base);
    return 1.0F / (root * std::sqrt(root));
  }
  return std::pow(base, -power);
}

// What the within-channel window of row h and column w is divided by: its size clipped to the padded plane only.
OLMP_KERNEL inline float window_divisor(const Lrn& g, int h, int w) {
  const int reach = g.size / 2;
  const int rows = smaller(h + reach + 1, g.height + reach) - (h - reach);
  const int columns = smaller(w + reach + 1, g.width + reach) - (w - reach);
  return static_cast<float>(rows * columns);
}

// Sum of term(element, its window's divisor) over the elements in the window of element i.
template <class Term>
OLMP_KERNEL float window_sum(const Lrn& g, Index i, const Term& term) {
  const int reach = g.size / 2;
  const Quotient row = divide(i, g.width);
  const Quotient plane = divide(row.quotient, g.height);
  const auto w = static_cast<int>(row.remainder);
  const auto h = static_cast<int>(plane.remainder);
  float sum = 0;
  if (g.within) {
    for (int y = larger(0, h - reach); y <= smaller(g.height - 1, h + reach); ++y) {
      for (int x = larger(0, w - reach); x <= smaller(g.width - 1, w + reach); ++x) {
        sum += term((plane.quotient * g.height + y) * g.width + x, window_divisor(g, y, x));
      }
    }
    return sum;
  }
  const auto c = static_cast<int>(divide(plane.quotient, g.channels).remainder);
  const Index points = static_cast<Index>(g.height) * g.width;
  for (int other = larger(0, c - reach); other <= smaller(g.channels - 1, c + reach); ++other) {
    sum += term(i + (other - c) * points, 1.0F);
  }
  return sum;
}

OLMP_KERNEL inline float own_divisor(const Lrn& g, Index i) {
  const Quotient row = divide(i, g.width);
  return window_divisor(g, static_cast<int>(divide(row.quotient, g.height).remainder), static_cast<int>(row.remainder));
}

}  // namespace

void lrn_forward(const Stream& stream, const Lrn& g, const float* x, float* scale, float* y) {
  for_each(stream, g.count(), [=] OLMP_KERNEL(Index i) {
    const float sum = window_sum(g, i, [=](Index j, float) { return x[j] * x[j]; });
    const float s =
        g.within ? 1 + g.alpha * (sum / own_divisor(g, i)) : g.k + g.alpha / static_cast<float>(g.size) * sum;
    scale[i] = s;
    y[i] = x[i] * negative_power(s, g.beta);
  });
}

// dx = dy * s^-beta - 2 alpha beta / n * x * sum over the windows that hold x of dy * y / s
void lrn_backward(const Stream& stream, const Lrn& g, const float* x, const float* y, const float* scale,
                  const float* dy, float* dx) {
  const float weight = 2 * g.alpha * g.beta / (g.within ? 1.0F : static_cast<float>(g.size));
  for_each(stream, g.count(), [=] OLMP_KERNEL(Index i) {
    const float sum = window_sum(g, i, [=](Index j, float divisor) { return dy[j] * y[j] / scale[j] / divisor; });
    dx[i] = dy[i] * negative_power(scale[i], g.beta) - weight * x[i] * sum;
  });
}

}  // namespace olmp::cuda
