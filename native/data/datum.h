// Caffe's Datum: one item of a database.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace olmp {

// (caffe.proto, message Datum). `data` points into the bytes parsed.
struct Datum {
  int channels = 0;
  int height = 0;
  int width = 0;
  int label = 0;
  bool encoded = false;           // data is a JPEG or PNG file, and the dimensions above mean nothing
  std::string_view data;          // (C, H, W) uint8
  std::vector<float> float_data;  // (C, H, W), where data is empty

  std::array<int, 3> shape() const { return {channels, height, width}; }
};

// Names the place of a datum in messages.
struct DatumPlace {
  const std::string& file;
  std::string_view key;
};

// Parses into `datum`, reusing its memory, which grows no further than the input's size. A datum that is not encoded
// has as many values as its dimensions say. Throws Error("bad-datum").
void parse_datum(std::string_view bytes, const DatumPlace& place, Datum& datum);

// As protobuf's C++ serialiser writes it: fields by number, those set by Caffe's convert tools.
std::string serialize_datum(const std::array<int, 3>& shape, std::string_view data, int label);

// Keys are text in every database that Caffe's tools make; anything else is shown as dots.
std::string printable_key(std::string_view key);

[[noreturn]] void throw_bad_datum(const DatumPlace& place, const std::string& what);

}  // namespace olmp
