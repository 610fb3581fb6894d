#include "data/mean_image.h"

#include <cstring>

#include "data/mapped_file.h"
#include "data/wire.h"
#include "engine/error.h"

namespace olmp {
namespace {

// The fields of BlobProto.
enum : std::uint32_t {
  kNum = 1, kChannels = 2, kHeight = 3, kWidth = 4, kData = 5, kShape = 7, kDoubleData = 8
};

struct BlobProto {
  bool legacy = false;
  std::array<std::int64_t, 4> legacy_dims{};
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};

// A repeated fixed-width field, packed or not. False where a packed one is cut within a value.
template <typename T>
bool append_values(const WireField& field, std::vector<float>& out) {
  if (field.type != WireType::kBytes) {
    T value;
    std::memcpy(&value, &field.value, sizeof value);  // little-endian: the low bytes
    out.push_back(static_cast<float>(value));
    return true;
  }
  if (field.bytes.size() % sizeof(T) != 0) return false;
  for (std::size_t at = 0; at < field.bytes.size(); at += sizeof(T)) {
    T value;
    std::memcpy(&value, field.bytes.data() + at, sizeof value);
    out.push_back(static_cast<float>(value));
  }
  return true;
}

// BlobShape: dim = 1, packed.
bool read_shape(std::string_view message, std::vector<std::int64_t>& shape) {
  WireReader reader(message);
  WireField field;
  while (reader.next(field)) {
    if (field.number != 1) continue;
    if (field.type == WireType::kVarint) shape.push_back(static_cast<std::int64_t>(field.value));
    auto packed = field.type == WireType::kBytes ? field.bytes : std::string_view();
    while (!packed.empty()) {
      const auto dim = WireReader::take_varint(packed);
      if (!dim) return false;
      shape.push_back(static_cast<std::int64_t>(*dim));
    }
  }
  return reader.ok();
}

bool read_blob(std::string_view message, BlobProto& blob) {
  WireReader reader(message);
  WireField field;
  while (reader.next(field)) {
    if (field.number >= kNum && field.number <= kWidth && field.type == WireType::kVarint) {
      blob.legacy = true;
      blob.legacy_dims[field.number - kNum] = static_cast<std::int64_t>(field.value);
    } else if (field.number == kShape && field.type == WireType::kBytes) {
      if (!read_shape(field.bytes, blob.shape)) return false;
    } else if (field.number == kData && (field.type == WireType::kBytes || field.type == WireType::kFixed32)) {
      if (!append_values<float>(field, blob.values)) return false;
    } else if (field.number == kDoubleData && (field.type == WireType::kBytes || field.type == WireType::kFixed64)) {
      if (!append_values<double>(field, blob.values)) return false;
    }
  }
  return reader.ok();
}

}  // namespace

MeanImage read_mean_image(const std::string& file) {
  const MappedFile mapped(file);
  BlobProto blob;
  if (!read_blob(mapped.bytes(), blob)) throw Error("bad-mean", "the mean file is not a BlobProto", file);

  // As Blob::LegacyShape: fewer axes than four are filled up by ones at the end.
  std::vector<std::int64_t> dims(blob.shape);
  if (blob.legacy) dims.assign(blob.legacy_dims.begin(), blob.legacy_dims.end());
  dims.resize(dims.size() < 4 ? 4 : dims.size(), 1);
  std::uint64_t left = blob.values.size();
  bool fits = dims.size() == 4 && dims[0] == 1 && left > 0;
  for (std::size_t i = 1; fits && i < 4; ++i) {
    fits = dims[i] > 0 && dims[i] <= INT32_MAX && left % static_cast<std::uint64_t>(dims[i]) == 0;
    if (fits) left /= static_cast<std::uint64_t>(dims[i]);
  }
  if (!fits || left != 1) {
    std::string shape;
    for (const auto dim : dims) shape += (shape.empty() ? "" : " x ") + std::to_string(dim);
    throw Error("bad-mean", "the mean file holds a blob of " + shape + " and " + std::to_string(blob.values.size()) +
                                " values, expected is one image, 1 x C x H x W",
                file);
  }
  return {{static_cast<int>(dims[1]), static_cast<int>(dims[2]), static_cast<int>(dims[3])}, std::move(blob.values)};
}

}  // namespace olmp
