// JPEG by libjpeg, with its defaults (slow integer DCT, smooth upsampling), which are OpenCV's.
#include <csetjmp>
#include <cstddef>
#include <cstdio>

#include "data/image.h"

extern "C" {
#include <jerror.h>
#include <jpeglib.h>
}

namespace olmp {
namespace {

// libjpeg reports errors by a callback that must not return: longjmp back to decode(). No object with a destructor
// lives in a frame that is jumped over.
struct Decoder {
  jpeg_decompress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf escape{};
  char message[JMSG_LENGTH_MAX] = {};

  std::string_view file;
  ImageColor color = ImageColor::kUnchanged;
  Image* image = nullptr;
  ImageFault* fault = nullptr;
  std::vector<std::uint8_t> row;
};

// A progressive file may ask for the whole image to be gone over by each of any number of scans.
constexpr int kMaxScans = 500;

[[noreturn]] void on_error(j_common_ptr jpeg) {
  auto* decoder = static_cast<Decoder*>(jpeg->client_data);
  (*jpeg->err->format_message)(jpeg, decoder->message);
  std::longjmp(decoder->escape, 1);
}

void on_message(j_common_ptr jpeg, int level) {
  // libjpeg goes on with grey where the file ends early; such an image is not what was meant.
  if (level < 0 && jpeg->err->msg_code == JWRN_JPEG_EOF) on_error(jpeg);
}

void on_output(j_common_ptr) {}

void on_progress(j_common_ptr jpeg) {
  auto* decoder = static_cast<Decoder*>(jpeg->client_data);
  if (decoder->jpeg.input_scan_number > kMaxScans) {
    std::snprintf(decoder->message, sizeof decoder->message, "more than %d scans", kMaxScans);
    std::longjmp(decoder->escape, 1);
  }
}

// CMYK to BGR as OpenCV converts it (Adobe's inverted CMYK).
void cmyk_to_rgb(const std::uint8_t* in, std::uint8_t* rgb) {
  const int k = in[3];
  for (int i = 0; i < 3; ++i) rgb[i] = static_cast<std::uint8_t>(k - ((255 - in[i]) * k >> 8));
}

// OpenCV's fixed-point grey: 0.299 R + 0.587 G + 0.114 B in 14 bits, rounded.
std::uint8_t rgb_to_gray(const std::uint8_t* rgb) {
  return static_cast<std::uint8_t>((rgb[0] * 4899 + rgb[1] * 9617 + rgb[2] * 1868 + (1 << 13)) >> 14);
}

void store_row(const Decoder& decoder, std::size_t y) {
  Image& image = *decoder.image;
  const auto width = static_cast<std::size_t>(image.shape[2]);
  const std::size_t plane = width * static_cast<std::size_t>(image.shape[1]);
  const std::uint8_t* in = decoder.row.data();
  std::uint8_t* out = image.pixels.data() + y * width;
  const bool gray = image.shape[0] == 1;
  const auto components = static_cast<std::size_t>(decoder.jpeg.output_components);
  for (std::size_t x = 0; x < width; ++x, in += components) {
    std::uint8_t rgb[3] = {in[0], components == 1 ? in[0] : in[1], components == 1 ? in[0] : in[2]};
    if (components == 4) cmyk_to_rgb(in, rgb);
    if (gray) {
      out[x] = components == 1 ? in[0] : rgb_to_gray(rgb);
    } else {
      for (std::size_t c = 0; c < 3; ++c) out[c * plane + x] = rgb[2 - c];
    }
  }
}

bool prepare(Decoder& decoder) {
  auto& jpeg = decoder.jpeg;
  const bool gray = decoder.color == ImageColor::kGray ||
                    (decoder.color == ImageColor::kUnchanged && jpeg.num_components == 1);
  if (jpeg.num_components == 4) {
    jpeg.out_color_space = JCS_CMYK;
  } else {
    jpeg.out_color_space = gray ? JCS_GRAYSCALE : JCS_RGB;
  }
  if (!prepare_image(gray ? 1 : 3, jpeg.image_height, jpeg.image_width, *decoder.image, *decoder.fault)) return false;
  decoder.row.resize(std::size_t{jpeg.image_width} * 4);
  return true;
}

bool decode(Decoder& decoder) {
  auto& jpeg = decoder.jpeg;
  if (setjmp(decoder.escape) != 0) return false;
  jpeg_create_decompress(&jpeg);
  jpeg_mem_src(&jpeg, reinterpret_cast<const unsigned char*>(decoder.file.data()),
               static_cast<unsigned long>(decoder.file.size()));
  jpeg_read_header(&jpeg, TRUE);
  if (!prepare(decoder)) return false;
  jpeg.progress = &decoder.progress;
  jpeg_start_decompress(&jpeg);
  while (jpeg.output_scanline < jpeg.output_height) {
    const std::size_t y = jpeg.output_scanline;
    JSAMPROW row = decoder.row.data();
    jpeg_read_scanlines(&jpeg, &row, 1);
    store_row(decoder, y);
  }
  jpeg_finish_decompress(&jpeg);
  return true;
}

}  // namespace

bool decode_jpeg(std::string_view file, ImageColor color, Image& image, ImageFault& fault) {
  Decoder decoder;
  decoder.file = file;
  decoder.color = color;
  decoder.image = &image;
  decoder.fault = &fault;
  decoder.jpeg.err = jpeg_std_error(&decoder.errors);
  decoder.jpeg.client_data = &decoder;
  decoder.errors.error_exit = on_error;
  decoder.errors.emit_message = on_message;
  decoder.errors.output_message = on_output;
  decoder.progress.progress_monitor = on_progress;
  struct Release {
    jpeg_decompress_struct* jpeg;
    ~Release() { jpeg_destroy_decompress(jpeg); }
  } release{&decoder.jpeg};

  fault = {};
  if (decode(decoder)) return true;
  if (fault.what.empty()) fault.what = std::string("the JPEG cannot be decoded: ") + decoder.message;
  return false;
}

}  // namespace olmp
