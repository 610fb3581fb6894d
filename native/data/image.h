// Images inside encoded Datums.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace olmp {

// What Caffe asks OpenCV for: IMREAD_UNCHANGED, IMREAD_COLOR (force_color), IMREAD_GRAYSCALE (force_gray).
enum class ImageColor { kUnchanged, kColor, kGray };

struct Image {
  std::array<int, 3> shape{};        // (C, H, W); channels in OpenCV's order: B, G, R, A
  std::vector<std::uint8_t> pixels;  // planar
};

// Why a file is not an image that can be used, as one sentence without its place.
struct ImageFault {
  bool unsupported = false;  // sound, but not what is read here
  std::string what;
};

// Larger images are refused: a small file can claim any size, and the claim is what gets allocated.
constexpr std::uint64_t kMaxImagePixels = std::uint64_t{1} << 26;

// Decodes a JPEG or PNG into `image`, reusing its memory. Returns false with `fault` set where it cannot.
// The same bytes as OpenCV 4.6: grey JPEGs and PNGs have 1 channel, PNGs with transparency 4 and all others 3 when
// unchanged. EXIF's orientation is not applied, as in the OpenCV 2.4 of Caffe's time. 16-bit PNGs are refused when
// unchanged, as Caffe does.
bool decode_image(std::string_view file, ImageColor color, Image& image, ImageFault& fault);

// The two decoders behind it.
bool decode_jpeg(std::string_view file, ImageColor color, Image& image, ImageFault& fault);
bool decode_png(std::string_view file, ImageColor color, Image& image, ImageFault& fault);

// Sets `fault` to something sound that is not read here; gives false. Not inline, as prepare_image: the decoders may
// not have strings in the frame of their setjmp.
bool refuse_image(const char* what, ImageFault& fault);

// Checks dimensions and sizes `image` for them.
bool prepare_image(std::uint64_t channels, std::uint64_t height, std::uint64_t width, Image& image, ImageFault& fault);

}  // namespace olmp
