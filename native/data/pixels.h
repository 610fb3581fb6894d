// The values of a datum, decoded where it is an image.
#pragma once

#include <array>
#include <cstdint>

#include "data/datum.h"
#include "data/image.h"

namespace olmp {

// (C, H, W) values as bytes or as floats, one of them null.
struct Pixels {
  std::array<int, 3> shape{};
  const std::uint8_t* bytes = nullptr;
  const float* floats = nullptr;
};

// Points into the datum or, where it is an encoded image, into `image`.
// Throws Error with codes: bad-datum, unsupported.
Pixels read_pixels(const Datum& datum, const DatumPlace& place, ImageColor color, Image& image);

}  // namespace olmp
