#include "data/augmentation.h"

#include <algorithm>
#include <cmath>

#include "engine/error.h"

namespace olmp {
namespace {

double either_way(Random& random, double most) { return (2 * random.uniform() - 1) * most; }

// The value at a point between pixels; beyond the border that of the nearest pixel.
float bilinear(const std::uint8_t* plane, int height, int width, float y, float x) {
  const float top = std::floor(y);
  const float left = std::floor(x);
  const float down = y - top;
  const float right = x - left;
  const auto pixel = [&](int row, int column) {
    row = std::clamp(row, 0, height - 1);
    column = std::clamp(column, 0, width - 1);
    return static_cast<float>(plane[row * width + column]);
  };
  const int row = static_cast<int>(top);
  const int column = static_cast<int>(left);
  const float above = pixel(row, column) * (1 - right) + pixel(row, column + 1) * right;
  const float below = pixel(row + 1, column) * (1 - right) + pixel(row + 1, column + 1) * right;
  return above * (1 - down) + below * down;
}

}  // namespace

Augmentation parse_augmentation(const nlohmann::json& json) {
  Augmentation result;
  json.at("copies").get_to(result.copies);
  json.at("cleanShare").get_to(result.clean_share);
  json.at("shift").get_to(result.shift);
  json.at("rotate").get_to(result.rotate);
  json.at("scale").get_to(result.scale);
  if (result.copies < 1) throw Error("bad-argument", "an augmentation makes at least one copy of each image");
  if (!(result.scale >= 0 && result.scale < 1)) {
    throw Error("bad-argument", "an augmentation's scale lies between 0 and 1 (1 excluded)");
  }
  return result;
}

void augment(const Augmentation& augmentation, const std::array<int, 3>& shape, const std::uint8_t* from, Random& random,
             std::uint8_t* to) {
  const int height = shape[1];
  const int width = shape[2];
  const std::int64_t points = static_cast<std::int64_t>(height) * width;
  if (random.uniform() < augmentation.clean_share) {
    std::copy(from, from + shape[0] * points, to);
    return;
  }
  const double angle = either_way(random, augmentation.rotate) * 3.14159265358979323846 / 180;
  const double size = 1 + either_way(random, augmentation.scale);
  const double shift_y = either_way(random, augmentation.shift);
  const double shift_x = either_way(random, augmentation.shift);
  // Back from a pixel of the copy to the point of the image that is seen there.
  const auto cosine = static_cast<float>(std::cos(angle) / size);
  const auto sine = static_cast<float>(std::sin(angle) / size);
  const float centre_y = static_cast<float>(height - 1) / 2;
  const float centre_x = static_cast<float>(width - 1) / 2;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const float dy = static_cast<float>(y) - centre_y - static_cast<float>(shift_y);
      const float dx = static_cast<float>(x) - centre_x - static_cast<float>(shift_x);
      const float source_y = centre_y + cosine * dy - sine * dx;
      const float source_x = centre_x + sine * dy + cosine * dx;
      for (int c = 0; c < shape[0]; ++c) {
        const float value = bilinear(from + c * points, height, width, source_y, source_x);
        to[c * points + y * width + x] = static_cast<std::uint8_t>(std::lround(value));
      }
    }
  }
}

}  // namespace olmp
