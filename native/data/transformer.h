// Caffe's DataTransformer: crop, mirror, subtract the mean, scale.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "data/mean_image.h"
#include "data/pixels.h"
#include "engine/random.h"

namespace olmp {

// The field Transform of LayerParams['Data'] (main/net/graph.ts).
struct TransformSpec {
  float scale = 1;
  bool mirror = false;
  int crop_size = 0;  // 0: no crop
  std::string mean_file;
  std::vector<float> mean_value;
  bool force_color = false;
  bool force_gray = false;
};

TransformSpec parse_transform(const nlohmann::json& params);

// out = (in - mean) * scale, for every pixel alike.
struct PointwiseTransform {
  float mean = 0;
  float scale = 1;

  void apply(const std::uint8_t* in, std::size_t count, float* out) const {
    for (std::size_t i = 0; i < count; ++i) out[i] = (static_cast<float>(in[i]) - mean) * scale;
  }
};

// One at a time; keeps buffers between calls.
class Transformer {
 public:
  // `random_crop`: in the train phase. Reads the mean file.
  // Throws Error with codes: missing-file, bad-mean, unsupported.
  Transformer(TransformSpec spec, bool random_crop);

  // Fixes what every datum must be like. Throws Error with codes: bad-datum, shape-mismatch, unsupported.
  void set_first(const Datum& datum, const DatumPlace& place);
  // (C, H, W), decoded, before cropping.
  const std::array<int, 3>& first_shape() const { return first_shape_; }
  // (C, H, W) after it.
  const std::array<int, 3>& output_shape() const { return output_shape_; }

  // Writes output_shape() floats. Mirroring and random crops draw from `random`, in Caffe's order: mirror, h, w.
  // Throws as set_first.
  void apply(const Datum& datum, const DatumPlace& place, Random& random, float* out);

  // Where it is no more than that: no crop, mirror, mean image or mean of each channel.
  std::optional<PointwiseTransform> pointwise() const;
  // A datum's pixels as they are, output_shape() of them; null where they are floats. Throws as set_first.
  const std::uint8_t* pixels(const Datum& datum, const DatumPlace& place);

 private:
  struct Window {
    int top, left;
    bool mirror;
  };

  ImageColor color() const;
  void check_shape(const std::array<int, 3>& shape, const DatumPlace& place) const;
  template <typename T>
  void write(const T* in, const std::array<int, 3>& shape, const Window& window, float* out) const;

  TransformSpec spec_;
  bool random_crop_;
  MeanImage mean_;
  Image image_;
  std::array<int, 3> first_shape_{};
  std::array<int, 3> output_shape_{};
};

}  // namespace olmp
