// PNG by libpng, with the transformations OpenCV asks of it.
#include <png.h>

#include <csetjmp>
#include <cstdio>
#include <cstring>

#include "data/image.h"

namespace olmp {
namespace {

// libpng's error callback must not return: longjmp back to decode(). No object with a destructor lives in a frame that
// is jumped over.
struct Decoder {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::jmp_buf escape{};
  char message[256] = {};

  std::string_view rest;
  ImageColor color = ImageColor::kUnchanged;
  Image* image = nullptr;
  ImageFault* fault = nullptr;
  std::vector<std::uint8_t> rows;  // interleaved
  std::vector<png_bytep> row_starts;

  ~Decoder() { png_destroy_read_struct(&png, &info, nullptr); }
};

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  auto* decoder = static_cast<Decoder*>(png_get_error_ptr(png));
  std::snprintf(decoder->message, sizeof decoder->message, "%s", message);
  std::longjmp(decoder->escape, 1);
}

void on_warning(png_structp, png_const_charp) {}

void read_bytes(png_structp png, png_bytep out, png_size_t size) {
  auto* decoder = static_cast<Decoder*>(png_get_io_ptr(png));
  if (size > decoder->rest.size()) png_error(png, "the file ends too early");
  std::memcpy(out, decoder->rest.data(), size);
  decoder->rest.remove_prefix(size);
}

bool prepare(Decoder& decoder) {
  png_uint_32 width = 0, height = 0;
  int depth = 0, type = 0;
  png_get_IHDR(decoder.png, decoder.info, &width, &height, &depth, &type, nullptr, nullptr, nullptr);
  if (depth == 16) {
    if (decoder.color == ImageColor::kUnchanged) {
      return refuse_image("the PNG has 16 bits per channel, 8 are read", *decoder.fault);
    }
    png_set_strip_16(decoder.png);
  }
  // Alpha is kept where the colour type has it, or where a palette or RGB has transparent colours.
  const bool transparent_color = (type & PNG_COLOR_MASK_COLOR) != 0 && (type & PNG_COLOR_MASK_ALPHA) == 0 &&
                                 png_get_valid(decoder.png, decoder.info, PNG_INFO_tRNS) != 0;
  const bool has_alpha = (type & PNG_COLOR_MASK_ALPHA) != 0 || transparent_color;
  const bool gray = decoder.color == ImageColor::kGray ||
                    (decoder.color == ImageColor::kUnchanged && type == PNG_COLOR_TYPE_GRAY);
  const bool alpha = decoder.color == ImageColor::kUnchanged && has_alpha;

  if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(decoder.png);
  if ((type & PNG_COLOR_MASK_COLOR) == 0 && depth < 8) png_set_expand_gray_1_2_4_to_8(decoder.png);
  if (transparent_color && alpha) png_set_tRNS_to_alpha(decoder.png);
  if (has_alpha && !alpha) png_set_strip_alpha(decoder.png);
  if (gray && (type & PNG_COLOR_MASK_COLOR) != 0) png_set_rgb_to_gray(decoder.png, 1, 0.299, 0.587);
  if (!gray && (type & PNG_COLOR_MASK_COLOR) == 0) png_set_gray_to_rgb(decoder.png);
  if (!gray) png_set_bgr(decoder.png);
  png_set_interlace_handling(decoder.png);
  png_read_update_info(decoder.png, decoder.info);

  const std::size_t channels = gray ? 1 : alpha ? 4 : 3;
  const std::size_t stride = channels * width;
  if (!prepare_image(channels, height, width, *decoder.image, *decoder.fault)) return false;
  if (png_get_rowbytes(decoder.png, decoder.info) != stride) {
    return refuse_image("the PNG has a colour type that is not read", *decoder.fault);
  }
  decoder.rows.resize(stride * height);
  decoder.row_starts.resize(height);
  for (std::size_t y = 0; y < height; ++y) decoder.row_starts[y] = decoder.rows.data() + y * stride;
  return true;
}

bool decode(Decoder& decoder) {
  if (setjmp(decoder.escape) != 0) return false;
  png_read_info(decoder.png, decoder.info);
  if (!prepare(decoder)) return false;
  png_read_image(decoder.png, decoder.row_starts.data());
  png_read_end(decoder.png, nullptr);
  return true;
}

void store_planar(const std::vector<std::uint8_t>& interleaved, Image& image) {
  const auto channels = static_cast<std::size_t>(image.shape[0]);
  const std::size_t plane = image.pixels.size() / channels;
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t i = 0; i < plane; ++i) image.pixels[c * plane + i] = interleaved[i * channels + c];
  }
}

}  // namespace

bool decode_png(std::string_view file, ImageColor color, Image& image, ImageFault& fault) {
  Decoder decoder;
  decoder.rest = file;
  decoder.color = color;
  decoder.image = &image;
  decoder.fault = &fault;
  fault = {};
  decoder.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &decoder, on_error, on_warning);
  if (decoder.png != nullptr) decoder.info = png_create_info_struct(decoder.png);
  if (decoder.info == nullptr) {
    fault = {false, "libpng has no memory left"};
    return false;
  }
  png_set_read_fn(decoder.png, &decoder, read_bytes);
  // Compressed text and profiles, which are not wanted, may unpack to any size.
  png_set_chunk_malloc_max(decoder.png, 1 << 20);
  if (!decode(decoder)) {
    if (fault.what.empty()) fault.what = std::string("the PNG cannot be decoded: ") + decoder.message;
    return false;
  }
  store_planar(decoder.rows, image);
  return true;
}

}  // namespace olmp
