#include "data/transformer.h"

#include "engine/error.h"

namespace olmp {
namespace {

std::string describe(const std::array<int, 3>& shape) {
  return std::to_string(shape[0]) + " x " + std::to_string(shape[1]) + " x " + std::to_string(shape[2]);
}

[[noreturn]] void throw_mismatch(const DatumPlace& place, const std::array<int, 3>& shape, const std::string& wanted) {
  throw Error("shape-mismatch",
              "datum '" + printable_key(place.key) + "' is " + describe(shape) + " (C x H x W), but " + wanted,
              place.file);
}

// out[i] = (in[i] - mean(i)) * scale; the mirror writes the row from its end.
template <typename T, typename Mean>
void write_row(const T* in, int width, bool mirror, float scale, Mean mean, float* out) {
  if (mirror) {
    for (int x = 0; x < width; ++x) out[width - 1 - x] = (static_cast<float>(in[x]) - mean(x)) * scale;
  } else {
    for (int x = 0; x < width; ++x) out[x] = (static_cast<float>(in[x]) - mean(x)) * scale;
  }
}

}  // namespace

TransformSpec parse_transform(const nlohmann::json& params) {
  TransformSpec spec;
  spec.scale = params.value("scale", 1.0F);
  spec.mirror = params.value("mirror", false);
  spec.crop_size = params.value("crop_size", 0);
  spec.mean_file = params.value("mean_file", std::string());
  spec.mean_value = params.value("mean_value", std::vector<float>());
  spec.force_color = params.value("force_color", false);
  spec.force_gray = params.value("force_gray", false);
  return spec;
}

Transformer::Transformer(TransformSpec spec, bool random_crop) : spec_(std::move(spec)), random_crop_(random_crop) {
  if (!spec_.mean_file.empty() && !spec_.mean_value.empty()) {
    throw Error("unsupported", "mean_file and mean_value cannot be given at the same time");
  }
  if (spec_.force_color && spec_.force_gray) {
    throw Error("unsupported", "force_color and force_gray cannot be given at the same time");
  }
  if (spec_.crop_size < 0) throw Error("unsupported", "crop_size must not be negative");
  if (!spec_.mean_file.empty()) mean_ = read_mean_image(spec_.mean_file);
}

void Transformer::set_first(const Datum& datum, const DatumPlace& place) {
  const auto shape = read_pixels(datum, place, color(), image_).shape;
  const int crop = spec_.crop_size;
  const auto means = spec_.mean_value.size();
  if (means > 1 && means != static_cast<std::size_t>(shape[0])) {
    throw Error("shape-mismatch", "there are " + std::to_string(means) + " values of mean_value for " +
                                      std::to_string(shape[0]) + " channels; give one or one per channel");
  }
  first_shape_ = shape;
  output_shape_ = crop == 0 ? shape : std::array<int, 3>{shape[0], crop, crop};
  check_shape(shape, place);
}

void Transformer::check_shape(const std::array<int, 3>& shape, const DatumPlace& place) const {
  const int crop = spec_.crop_size;
  if (crop > 0 && (shape[1] < crop || shape[2] < crop)) {
    throw_mismatch(place, shape, "crop_size is " + std::to_string(crop));
  }
  // With a crop the sizes may vary, as long as the channels do not.
  if (shape[0] != first_shape_[0] || (crop == 0 && shape != first_shape_)) {
    throw_mismatch(place, shape, "the first one is " + describe(first_shape_));
  }
  if (!mean_.values.empty() && mean_.shape != shape) {
    throw_mismatch(place, shape, "the mean image '" + spec_.mean_file + "' is " + describe(mean_.shape));
  }
}

ImageColor Transformer::color() const {
  if (spec_.force_color) return ImageColor::kColor;
  return spec_.force_gray ? ImageColor::kGray : ImageColor::kUnchanged;
}

void Transformer::apply(const Datum& datum, const DatumPlace& place, Random& random, float* out) {
  const auto in = read_pixels(datum, place, color(), image_);
  check_shape(in.shape, place);
  // In Caffe mirroring is random in both phases, cropping in the train phase only.
  Window window{0, 0, spec_.mirror && random.below(2) == 1};
  if (spec_.crop_size > 0) {
    const int rows = in.shape[1] - spec_.crop_size, columns = in.shape[2] - spec_.crop_size;
    if (random_crop_) {
      window.top = static_cast<int>(random.below(static_cast<std::uint32_t>(rows) + 1));
      window.left = static_cast<int>(random.below(static_cast<std::uint32_t>(columns) + 1));
    } else {
      window.top = rows / 2;
      window.left = columns / 2;
    }
  }
  if (in.bytes != nullptr) {
    write(in.bytes, in.shape, window, out);
  } else {
    write(in.floats, in.shape, window, out);
  }
}

std::optional<PointwiseTransform> Transformer::pointwise() const {
  if (spec_.crop_size > 0 || spec_.mirror || !mean_.values.empty() || spec_.mean_value.size() > 1) return {};
  return PointwiseTransform{spec_.mean_value.empty() ? 0.0F : spec_.mean_value[0], spec_.scale};
}

const std::uint8_t* Transformer::pixels(const Datum& datum, const DatumPlace& place) {
  const auto in = read_pixels(datum, place, color(), image_);
  check_shape(in.shape, place);
  return in.bytes;
}

template <typename T>
void Transformer::write(const T* in, const std::array<int, 3>& shape, const Window& window, float* out) const {
  const auto rows = static_cast<std::size_t>(shape[1]), columns = static_cast<std::size_t>(shape[2]);
  const int width = output_shape_[2];
  for (std::size_t c = 0; c < static_cast<std::size_t>(shape[0]); ++c) {
    float channel_mean = 0;
    if (!spec_.mean_value.empty()) channel_mean = spec_.mean_value[spec_.mean_value.size() == 1 ? 0 : c];
    for (int y = 0; y < output_shape_[1]; ++y, out += width) {
      const std::size_t at =
          (c * rows + static_cast<std::size_t>(window.top + y)) * columns + static_cast<std::size_t>(window.left);
      if (mean_.values.empty()) {
        write_row(in + at, width, window.mirror, spec_.scale, [channel_mean](int) { return channel_mean; }, out);
      } else {
        const float* mean = mean_.values.data() + at;
        write_row(in + at, width, window.mirror, spec_.scale, [mean](int x) { return mean[x]; }, out);
      }
    }
  }
}

}  // namespace olmp
