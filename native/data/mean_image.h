// A mean image: Caffe's BlobProto as compute_image_mean writes it.
#pragma once

#include <array>
#include <string>
#include <vector>

namespace olmp {

struct MeanImage {
  std::array<int, 3> shape{};  // (C, H, W)
  std::vector<float> values;
};

// Takes both forms of dimensions: `shape` and the older num, channels, height, width; float and double data.
// Throws Error with codes: missing-file, bad-mean.
MeanImage read_mean_image(const std::string& file);

}  // namespace olmp
