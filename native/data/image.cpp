#include "data/image.h"

#include <cstring>

namespace olmp {

bool refuse_image(const char* what, ImageFault& fault) {
  fault = {true, what};
  return false;
}

bool prepare_image(std::uint64_t channels, std::uint64_t height, std::uint64_t width, Image& image, ImageFault& fault) {
  if (width == 0 || height == 0 || width > kMaxImagePixels / height) {
    fault = {true, "the image is " + std::to_string(width) + " x " + std::to_string(height) + " pixels, at most " +
                       std::to_string(kMaxImagePixels) + " are read"};
    return false;
  }
  image.shape = {static_cast<int>(channels), static_cast<int>(height), static_cast<int>(width)};
  image.pixels.resize(channels * height * width);
  return true;
}

bool decode_image(std::string_view file, ImageColor color, Image& image, ImageFault& fault) {
  constexpr std::string_view kJpeg = "\xff\xd8\xff", kPng = "\x89PNG\r\n\x1a\n";
  if (file.substr(0, kJpeg.size()) == kJpeg) return decode_jpeg(file, color, image, fault);
  if (file.substr(0, kPng.size()) == kPng) return decode_png(file, color, image, fault);
  fault = {true, "the image is neither a JPEG nor a PNG"};
  return false;
}

}  // namespace olmp
