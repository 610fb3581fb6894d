#include "data/datum.h"

#include <algorithm>
#include <cstring>

#include "data/wire.h"
#include "engine/error.h"

namespace olmp {
namespace {

// The fields of Datum and their wire types.
enum : std::uint32_t { kChannels = 1, kHeight = 2, kWidth = 3, kData = 4, kLabel = 5, kFloatData = 6, kEncoded = 7 };

// Protobuf's int32 of a varint: the low 32 bits.
int to_int32(std::uint64_t varint) { return static_cast<int>(static_cast<std::uint32_t>(varint)); }

void append_floats(std::string_view packed, std::vector<float>& floats) {
  const std::size_t old = floats.size();
  floats.resize(old + packed.size() / sizeof(float));
  std::memcpy(floats.data() + old, packed.data(), packed.size());
}

void check_size(const DatumPlace& place, const Datum& datum) {
  if (datum.channels <= 0 || datum.height <= 0 || datum.width <= 0) {
    throw_bad_datum(place, "its dimensions are not positive");
  }
  const std::size_t values = datum.data.empty() ? datum.float_data.size() : datum.data.size();
  // Divided rather than multiplied: the product of three dimensions may exceed 64 bits.
  const auto channels = static_cast<std::size_t>(datum.channels), height = static_cast<std::size_t>(datum.height),
             width = static_cast<std::size_t>(datum.width);
  if (values % channels != 0 || values / channels % height != 0 || values / channels / height != width) {
    throw_bad_datum(place, "it has " + std::to_string(values) + " values, its dimensions " + std::to_string(channels) +
                               " x " + std::to_string(height) + " x " + std::to_string(width) + " want another number");
  }
}

}  // namespace

std::string printable_key(std::string_view key) {
  std::string text(key.substr(0, 80));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '.');
  return text;
}

void throw_bad_datum(const DatumPlace& place, const std::string& what) {
  throw Error("bad-datum", "datum '" + printable_key(place.key) + "' cannot be used: " + what, place.file);
}

void parse_datum(std::string_view bytes, const DatumPlace& place, Datum& datum) {
  datum.channels = datum.height = datum.width = datum.label = 0;
  datum.encoded = false;
  datum.data = {};
  datum.float_data.clear();

  WireReader reader(bytes);
  WireField field;
  while (reader.next(field)) {
    const bool varint = field.type == WireType::kVarint;
    if (field.number == kChannels && varint) datum.channels = to_int32(field.value);
    if (field.number == kHeight && varint) datum.height = to_int32(field.value);
    if (field.number == kWidth && varint) datum.width = to_int32(field.value);
    if (field.number == kData && field.type == WireType::kBytes) datum.data = field.bytes;
    if (field.number == kLabel && varint) datum.label = to_int32(field.value);
    if (field.number == kEncoded && varint) datum.encoded = field.value != 0;
    if (field.number != kFloatData) continue;
    if (field.type == WireType::kFixed32) {
      const auto bits = static_cast<std::uint32_t>(field.value);
      float value;
      std::memcpy(&value, &bits, sizeof value);
      datum.float_data.push_back(value);
    } else if (field.type == WireType::kBytes) {
      if (field.bytes.size() % sizeof(float) != 0) throw_bad_datum(place, "its float_data is cut within a value");
      append_floats(field.bytes, datum.float_data);
    }
  }
  if (!reader.ok()) throw_bad_datum(place, "it is not a serialised Datum");
  if (!datum.encoded) {
    check_size(place, datum);
  } else if (datum.data.empty()) {
    throw_bad_datum(place, "it is marked as encoded and holds no image");
  }
}

std::string serialize_datum(const std::array<int, 3>& shape, std::string_view data, int label) {
  std::string out;
  out.reserve(data.size() + 32);
  const auto varint = [&out](std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
    out.push_back(static_cast<char>(value));
  };
  const auto int32 = [&](std::uint32_t number, int value) {
    varint(number << 3 | static_cast<std::uint32_t>(WireType::kVarint));
    // Protobuf extends the sign to 64 bits.
    varint(static_cast<std::uint64_t>(std::int64_t{value}));
  };
  int32(kChannels, shape[0]);
  int32(kHeight, shape[1]);
  int32(kWidth, shape[2]);
  varint(kData << 3 | static_cast<std::uint32_t>(WireType::kBytes));
  varint(data.size());
  out.append(data);
  int32(kLabel, label);
  return out;
}

}  // namespace olmp
