#include "cpu/infogain_matrix.h"

#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>

#include "data/wire.h"
#include "engine/error.h"

namespace olmp {
namespace {

// Fields of BlobProto (caffe.proto).
constexpr std::uint32_t kData = 5;
constexpr std::uint32_t kDoubleData = 8;

// A repeated fixed-width field, packed or not; false where a packed one ends within a value.
template <typename Value, typename Bits>
bool append_values(const WireField& field, std::vector<float>& values) {
  Value value;
  if (field.type != WireType::kBytes) {
    const Bits bits = static_cast<Bits>(field.value);
    std::memcpy(&value, &bits, sizeof value);
    values.push_back(static_cast<float>(value));
    return true;
  }
  if (field.bytes.size() % sizeof value != 0) return false;
  for (std::size_t at = 0; at < field.bytes.size(); at += sizeof value) {
    std::memcpy(&value, field.bytes.data() + at, sizeof value);
    values.push_back(static_cast<float>(value));
  }
  return true;
}

bool read_values(std::string_view message, std::vector<float>& values) {
  WireReader reader(message);
  WireField field;
  while (reader.next(field)) {
    const bool packed = field.type == WireType::kBytes;
    if (field.number == kData && (packed || field.type == WireType::kFixed32)) {
      if (!append_values<float, std::uint32_t>(field, values)) return false;
    } else if (field.number == kDoubleData && (packed || field.type == WireType::kFixed64)) {
      if (!append_values<double, std::uint64_t>(field, values)) return false;
    }
  }
  return reader.ok();
}

}  // namespace

std::vector<float> read_infogain_matrix(const std::string& file, std::int64_t classes) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw Error("missing-file", "the infogain matrix cannot be opened", file);
  const std::string message{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  std::vector<float> values;
  if (stream.bad() || !read_values(message, values)) {
    throw Error("bad-infogain-matrix", "the infogain matrix is not a BlobProto", file);
  }
  if (static_cast<std::int64_t>(values.size()) != classes * classes) {
    throw Error("bad-infogain-matrix",
                "the infogain matrix holds " + std::to_string(values.size()) + " values where " +
                    std::to_string(classes) + " x " + std::to_string(classes) + " are needed",
                file);
  }
  return values;
}

}  // namespace olmp
