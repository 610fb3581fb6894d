#include "cpu/convolution_geometry.h"

#include <algorithm>
#include <array>

#include "cpu/checks.h"

namespace olmp {
namespace {

constexpr std::size_t kMaxSpatialAxes = 8;

std::int64_t product(const std::vector<int>& sizes) {
  std::int64_t result = 1;
  for (const int size : sizes) result *= size;
  return result;
}

// Visits the columns of one channel row by row: for kernel point k and each output line (all axes but the last), calls
// line(column offset, input offset of the line or -1 where it lies in the padding, input position of its first element).
template <typename Line>
void for_each_line(const ConvolutionGeometry& g, const Line& line) {
  const std::size_t axes = g.input.size();
  const std::size_t outer_axes = axes - 1;
  std::array<int, kMaxSpatialAxes> at_kernel{};
  const std::int64_t kernel_points = g.kernel_points();
  const int width = g.output.back();
  const std::int64_t lines = g.output_points() / width;
  std::array<int, kMaxSpatialAxes> at_output{};
  for (std::int64_t k = 0; k < kernel_points; ++k) {
    at_output.fill(0);
    for (std::int64_t l = 0; l < lines; ++l) {
      std::int64_t offset = 0;
      bool inside = true;
      for (std::size_t a = 0; a < outer_axes; ++a) {
        const int position = at_output[a] * g.stride[a] - g.pad[a] + at_kernel[a] * g.dilation[a];
        inside = inside && position >= 0 && position < g.input[a];
        offset = offset * g.input[a] + position;
      }
      const int first = at_kernel[axes - 1] * g.dilation[axes - 1] - g.pad[axes - 1];
      line((k * lines + l) * width, inside ? offset * g.input[axes - 1] : -1, first);
      for (std::size_t a = outer_axes; a-- > 0;) {
        if (++at_output[a] < g.output[a]) break;
        at_output[a] = 0;
      }
    }
    for (std::size_t a = axes; a-- > 0;) {
      if (++at_kernel[a] < g.kernel[a]) break;
      at_kernel[a] = 0;
    }
  }
}

// Output positions [begin, end) of a line whose input position first + x * stride lies inside [0, width).
struct Inside {
  int begin;
  int end;
};

Inside inside_of(int first, int stride, int input_width, int output_width) {
  const int begin = first >= 0 ? 0 : std::min(output_width, (-first + stride - 1) / stride);
  const int last = input_width - 1 - first;
  const int end = last < 0 ? 0 : std::min(output_width, last / stride + 1);
  return {begin, std::max(begin, end)};
}

std::vector<int> axis_values(const LayerContext& context, const char* key, std::size_t axes) {
  const auto values = context.params.at(key).get<std::vector<int>>();
  require(values.size() == axes, context, std::string(key) + " needs one value for each of the " +
                                              std::to_string(axes) + " spatial axes.");
  return values;
}

}  // namespace

std::int64_t ConvolutionGeometry::input_points() const { return product(input); }
std::int64_t ConvolutionGeometry::output_points() const { return product(output); }
std::int64_t ConvolutionGeometry::kernel_points() const { return product(kernel); }

ConvolutionGeometry convolution_geometry(const LayerContext& context, const Shape& from) {
  ConvolutionGeometry g;
  const int axis = context.params.at("axis").get<int>();
  require(axis >= 0 && static_cast<std::size_t>(axis) < from.size(), context, "its channel axis lies outside the bottom.");
  const auto channel_axis = static_cast<std::size_t>(axis);
  g.images = count(from, 0, channel_axis);
  g.channels = from[channel_axis];
  g.input.assign(from.begin() + axis + 1, from.end());
  const std::size_t axes = g.input.size();
  g.kernel = axis_values(context, "kernel_size", axes);
  g.stride = axis_values(context, "stride", axes);
  g.pad = axis_values(context, "pad", axes);
  g.dilation = axis_values(context, "dilation", axes);
  require(axes <= kMaxSpatialAxes, context, "it has more than " + std::to_string(kMaxSpatialAxes) + " spatial axes.");
  if (axes == 0) {  // no spatial axis: a product per image
    for (auto* values : {&g.input, &g.kernel, &g.stride, &g.dilation}) values->assign(1, 1);
    g.pad.assign(1, 0);
  }
  for (std::size_t a = 0; a < g.input.size(); ++a) {
    require(g.kernel[a] > 0 && g.stride[a] > 0 && g.dilation[a] > 0 && g.pad[a] >= 0, context,
            "kernel size, stride and dilation must be at least 1 and the padding at least 0.");
    const std::int64_t extent = static_cast<std::int64_t>(g.dilation[a]) * (g.kernel[a] - 1) + 1;
    const std::int64_t room = g.input[a] + 2LL * g.pad[a] - extent;
    require(room >= 0, context, "its kernel is larger than the padded bottom " + shape_text(from) + ".");
    g.output.push_back(static_cast<int>(room / g.stride[a]) + 1);
  }
  g.group = context.params.value("group", 1);
  g.outputs = context.params.value("num_output", 0);
  return g;
}

void image_to_columns(const ConvolutionGeometry& g, const float* image, float* columns) {
  const int stride = g.stride.back();
  const int width = g.output.back();
  const std::int64_t plane = g.input_points();
  const std::int64_t channel_columns = g.kernel_points() * g.output_points();
  for (int c = 0; c < g.channels; ++c, image += plane, columns += channel_columns) {
    for_each_line(g, [&](std::int64_t column, std::int64_t offset, int first) {
      float* to = columns + column;
      if (offset < 0) {
        std::fill(to, to + width, 0.0F);
        return;
      }
      const Inside inside = inside_of(first, stride, g.input.back(), width);
      const float* from = image + offset + first;
      std::fill(to, to + inside.begin, 0.0F);
      if (stride == 1) {
        std::copy(from + inside.begin, from + inside.end, to + inside.begin);
      } else {
        for (int x = inside.begin; x < inside.end; ++x) to[x] = from[static_cast<std::int64_t>(x) * stride];
      }
      std::fill(to + inside.end, to + width, 0.0F);
    });
  }
}

void columns_to_image(const ConvolutionGeometry& g, const float* columns, float* image) {
  const int stride = g.stride.back();
  const int width = g.output.back();
  const std::int64_t plane = g.input_points();
  const std::int64_t channel_columns = g.kernel_points() * g.output_points();
  std::fill(image, image + g.channels * plane, 0.0F);
  for (int c = 0; c < g.channels; ++c, image += plane, columns += channel_columns) {
    for_each_line(g, [&](std::int64_t column, std::int64_t offset, int first) {
      if (offset < 0) return;
      const Inside inside = inside_of(first, stride, g.input.back(), width);
      const float* from = columns + column;
      float* to = image + offset + first;
      if (stride == 1) {
        for (int x = inside.begin; x < inside.end; ++x) to[x] += from[x];
      } else {
        for (int x = inside.begin; x < inside.end; ++x) to[static_cast<std::int64_t>(x) * stride] += from[x];
      }
    });
  }
}

}  // namespace olmp
