// Images inside Datums: channels and their order as OpenCV's, and what happens to damaged ones.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <png.h>

#include <cmath>
#include <cstdlib>

#include "data/datums.h"
#include "data/image.h"
#include "test/data_fixtures.h"

extern "C" {
#include <jpeglib.h>
}

using namespace olmp;
using namespace olmp::test;

namespace {

struct Picture {
  int width, height, channels;       // interleaved, R G B (A)
  std::vector<std::uint8_t> pixels;
  int at(int x, int y, int c) const { return pixels[static_cast<std::size_t>((y * width + x) * channels + c)]; }
};

// A smooth picture, so that JPEG's loss is small.
Picture gradient(int width, int height, int channels) {
  Picture picture{width, height, channels, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) {
        picture.pixels.push_back(static_cast<std::uint8_t>(40 + 50 * c + 2 * x + (c == 1 ? y : 0)));
      }
    }
  }
  return picture;
}

std::string encode_jpeg(const Picture& picture, bool progressive = false) {
  jpeg_compress_struct jpeg;
  jpeg_error_mgr errors;
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &bytes, &size);
  jpeg.image_width = static_cast<JDIMENSION>(picture.width);
  jpeg.image_height = static_cast<JDIMENSION>(picture.height);
  jpeg.input_components = picture.channels;
  jpeg.in_color_space = picture.channels == 1 ? JCS_GRAYSCALE : picture.channels == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, 100, TRUE);
  if (progressive) jpeg_simple_progression(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  for (int y = 0; y < picture.height; ++y) {
    JSAMPROW row = const_cast<JSAMPROW>(picture.pixels.data()) + y * picture.width * picture.channels;
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  std::string file(reinterpret_cast<char*>(bytes), size);
  std::free(bytes);
  return file;
}

void append_bytes(png_structp png, png_bytep bytes, png_size_t size) {
  static_cast<std::string*>(png_get_io_ptr(png))->append(reinterpret_cast<char*>(bytes), size);
}

// `type`: PNG_COLOR_TYPE_*; rows as libpng wants them for it.
std::string encode_png(int width, int height, int type, int depth, std::vector<std::uint8_t> rows,
                       bool interlaced = false, const png_color_16* transparent = nullptr) {
  std::string file;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(png, &file, append_bytes, nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), depth, type,
               interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  const png_color palette[2] = {{10, 20, 30}, {200, 100, 50}};
  if (type == PNG_COLOR_TYPE_PALETTE) png_set_PLTE(png, info, palette, 2);
  if (transparent != nullptr) png_set_tRNS(png, info, nullptr, 0, transparent);
  png_write_info(png, info);
  std::vector<png_bytep> starts;
  const std::size_t stride = rows.size() / static_cast<std::size_t>(height);
  for (int y = 0; y < height; ++y) starts.push_back(rows.data() + static_cast<std::size_t>(y) * stride);
  png_write_image(png, starts.data());
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  return file;
}

std::string encode_png(const Picture& p, bool interlaced = false) {
  constexpr int kTypes[] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGBA};
  return encode_png(p.width, p.height, kTypes[p.channels], 8, p.pixels, interlaced);
}

Image decode(const std::string& file, ImageColor color) {
  Image image;
  ImageFault fault;
  const bool done = decode_image(file, color, image, fault);
  CHECK_MESSAGE(done, fault.what);
  return image;
}

int pixel(const Image& image, int c, int y, int x) {
  return image.pixels[static_cast<std::size_t>((c * image.shape[1] + y) * image.shape[2] + x)];
}

// Largest difference from `picture` with its channels in the order B, G, R, A.
int largest_difference(const Image& image, const Picture& picture) {
  int largest = 0;
  for (int c = 0; c < image.shape[0]; ++c) {
    const int from = c < 3 && image.shape[0] >= 3 ? 2 - c : c;
    for (int y = 0; y < picture.height; ++y) {
      for (int x = 0; x < picture.width; ++x) {
        largest = std::max(largest, std::abs(pixel(image, c, y, x) - picture.at(x, y, from)));
      }
    }
  }
  return largest;
}

}  // namespace

TEST_CASE("JPEG") {
  const auto colour = gradient(33, 17, 3);
  const auto gray = gradient(33, 17, 1);
  for (const bool progressive : {false, true}) {
    const auto unchanged = decode(encode_jpeg(colour, progressive), ImageColor::kUnchanged);
    CHECK(unchanged.shape == std::array<int, 3>{3, 17, 33});
    CHECK(largest_difference(unchanged, colour) <= 4);
  }
  const auto one = decode(encode_jpeg(gray), ImageColor::kUnchanged);
  CHECK(one.shape == std::array<int, 3>{1, 17, 33});
  CHECK(largest_difference(one, gray) <= 1);

  const auto forced = decode(encode_jpeg(gray), ImageColor::kColor);
  CHECK(forced.shape == std::array<int, 3>{3, 17, 33});
  for (int c = 0; c < 3; ++c) CHECK(pixel(forced, c, 5, 9) == pixel(one, 0, 5, 9));

  const auto luminance = decode(encode_jpeg(colour), ImageColor::kGray);
  CHECK(luminance.shape == std::array<int, 3>{1, 17, 33});
  const double expected = 0.299 * colour.at(9, 5, 0) + 0.587 * colour.at(9, 5, 1) + 0.114 * colour.at(9, 5, 2);
  CHECK(std::abs(pixel(luminance, 0, 5, 9) - expected) <= 2);
}

TEST_CASE("CMYK JPEG becomes BGR by OpenCV's formula") {
  const auto cmyk = gradient(16, 16, 4);
  const auto image = decode(encode_jpeg(cmyk), ImageColor::kUnchanged);
  CHECK(image.shape == std::array<int, 3>{3, 16, 16});
  for (int c = 0; c < 3; ++c) {
    const int k = cmyk.at(7, 7, 3);
    const int expected = k - ((255 - cmyk.at(7, 7, 2 - c)) * k >> 8);
    CHECK(std::abs(pixel(image, c, 7, 7) - expected) <= 3);
  }
}

TEST_CASE("PNG") {
  for (const bool interlaced : {false, true}) {
    const auto rgb = gradient(20, 11, 3);
    const auto image = decode(encode_png(rgb, interlaced), ImageColor::kUnchanged);
    CHECK(image.shape == std::array<int, 3>{3, 11, 20});
    CHECK(largest_difference(image, rgb) == 0);
  }
  const auto rgba = gradient(20, 11, 4);
  const auto with_alpha = decode(encode_png(rgba), ImageColor::kUnchanged);
  CHECK(with_alpha.shape == std::array<int, 3>{4, 11, 20});
  CHECK(largest_difference(with_alpha, rgba) == 0);
  const auto without = decode(encode_png(rgba), ImageColor::kColor);
  CHECK(without.shape == std::array<int, 3>{3, 11, 20});
  CHECK(largest_difference(without, rgba) == 0);

  const auto gray = gradient(20, 11, 1);
  CHECK(largest_difference(decode(encode_png(gray), ImageColor::kUnchanged), gray) == 0);
  CHECK(decode(encode_png(gray), ImageColor::kColor).shape == std::array<int, 3>{3, 11, 20});
  const auto rgb_gray = decode(encode_png(gradient(20, 11, 3)), ImageColor::kGray);
  CHECK(rgb_gray.shape == std::array<int, 3>{1, 11, 20});

  const auto gray_alpha = encode_png(gradient(20, 11, 2));
  CHECK(decode(gray_alpha, ImageColor::kUnchanged).shape == std::array<int, 3>{4, 11, 20});
  CHECK(decode(gray_alpha, ImageColor::kColor).shape == std::array<int, 3>{3, 11, 20});
  CHECK(decode(gray_alpha, ImageColor::kGray).shape == std::array<int, 3>{1, 11, 20});

  // Bits 10101010 and 01000000: two rows of eight pixels.
  const auto bits = decode(encode_png(8, 2, PNG_COLOR_TYPE_GRAY, 1, {0xaa, 0x40}), ImageColor::kUnchanged);
  CHECK(bits.pixels == std::vector<std::uint8_t>{255, 0, 255, 0, 255, 0, 255, 0, 0, 255, 0, 0, 0, 0, 0, 0});
  const auto palette = decode(encode_png(2, 1, PNG_COLOR_TYPE_PALETTE, 8, {1, 0}), ImageColor::kUnchanged);
  CHECK(palette.pixels == std::vector<std::uint8_t>{50, 30, 100, 20, 200, 10});

  const png_color_16 transparent{0, 1, 2, 3, 0};
  const auto keyed = encode_png(2, 1, PNG_COLOR_TYPE_RGB, 8, {1, 2, 3, 4, 5, 6}, false, &transparent);
  CHECK(decode(keyed, ImageColor::kUnchanged).pixels == std::vector<std::uint8_t>{3, 6, 2, 5, 1, 4, 0, 255});
  CHECK(decode(keyed, ImageColor::kColor).pixels == std::vector<std::uint8_t>{3, 6, 2, 5, 1, 4});
}

TEST_CASE("16-bit PNGs are refused unchanged, as in Caffe, and read as 8 bits when forced") {
  const auto file = encode_png(1, 1, PNG_COLOR_TYPE_GRAY, 16, {0x12, 0x34});
  Image image;
  ImageFault fault;
  CHECK_FALSE(decode_image(file, ImageColor::kUnchanged, image, fault));
  CHECK(fault.unsupported);
  CHECK(decode(file, ImageColor::kGray).pixels == std::vector<std::uint8_t>{0x12});
}

TEST_CASE("encoded datums in a database") {
  TemporaryFolder folder("encoded");
  const auto picture = gradient(20, 11, 3);
  const std::string encoded_flag = "\x38\x01";
  write_lmdb(folder / "db", {serialize_datum({0, 0, 0}, encode_png(picture), 7) + encoded_flag});
  const auto info = describe_datums(folder / "db");
  CHECK(info.encoded);
  CHECK(info.shape == std::array<int, 3>{3, 11, 20});
  const auto images = read_datums(folder / "db", 0, 1);
  REQUIRE(images.size() == 1);
  CHECK(images[0].label == 7);
  CHECK(images[0].pixels[0] == static_cast<float>(picture.at(0, 0, 2)));

  const auto code = [&](const std::string& image) {
    fs::remove_all(folder / "other");
    write_lmdb(folder / "other", {serialize_datum({0, 0, 0}, image, 7) + encoded_flag});
    return error_code([&] { describe_datums(folder / "other"); });
  };
  CHECK(code("") == "bad-datum");
  CHECK(code("GIF89a") == "unsupported");
  const auto jpeg = encode_jpeg(picture);
  CHECK(code(jpeg.substr(0, jpeg.size() / 2)) == "bad-datum");
  const auto png = encode_png(picture);
  CHECK(code(png.substr(0, png.size() / 2)) == "bad-datum");
}

TEST_CASE("a small file cannot claim a huge image") {
  auto jpeg = encode_jpeg(gradient(16, 16, 1));
  const auto frame = jpeg.find("\xff\xc0");
  REQUIRE(frame != std::string::npos);
  jpeg.replace(frame + 5, 4, "\xff\xdc\xff\xdc");
  Image image;
  ImageFault fault;
  CHECK_FALSE(decode_image(jpeg, ImageColor::kUnchanged, image, fault));
  CHECK(fault.unsupported);
  CHECK(image.pixels.empty());
}

TEST_CASE("a damaged image gives pixels or a fault") {
  Random random(8);
  const auto picture = gradient(24, 24, 3);
  int faults = 0, images = 0;
  for (const auto& sound : {encode_jpeg(picture), encode_jpeg(picture, true), encode_jpeg(gradient(24, 24, 4)),
                            encode_png(picture), encode_png(picture, true)}) {
    for (int round = 0; round < 1000; ++round) {
      Image image;
      ImageFault fault;
      const auto color = static_cast<ImageColor>(random.below(3));
      if (decode_image(damaged(sound, random), color, image, fault)) {
        ++images;
        CHECK(image.pixels.size() == static_cast<std::size_t>(count({image.shape.begin(), image.shape.end()})));
      } else {
        ++faults;
        CHECK_FALSE(fault.what.empty());
      }
    }
  }
  CHECK(faults > 500);
  CHECK(images > 500);
}
