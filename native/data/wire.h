// A reader of protobuf's wire format over bytes in memory. It copies nothing and allocates nothing.
// https://protobuf.dev/programming-guides/encoding/
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace olmp {

enum class WireType { kVarint = 0, kFixed64 = 1, kBytes = 2, kGroupStart = 3, kGroupEnd = 4, kFixed32 = 5 };

struct WireField {
  std::uint32_t number = 0;
  WireType type = WireType::kVarint;
  std::uint64_t value = 0;  // kVarint, kFixed32, kFixed64: the bits
  std::string_view bytes;   // kBytes
};

// Walks the fields of one message. After the last, or at the first malformed byte, next() gives false; ok() tells
// which.
class WireReader {
 public:
  explicit WireReader(std::string_view message) : rest_(message) {}

  // Groups (of unknown fields: Caffe has none) are passed over.
  bool next(WireField& field) {
    while (!rest_.empty()) {
      if (!read_field(field)) return fail();
      if (field.type == WireType::kGroupEnd) return fail();
      if (field.type != WireType::kGroupStart) return true;
      if (!skip_group()) return fail();
    }
    return false;
  }
  bool ok() const { return ok_; }

  static std::optional<std::uint64_t> take_varint(std::string_view& bytes) {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < 10 && i < bytes.size(); ++i) {
      const auto byte = static_cast<std::uint8_t>(bytes[i]);
      value |= std::uint64_t{byte & 0x7fU} << (7 * i);
      if (byte < 0x80) {
        bytes.remove_prefix(i + 1);
        return value;
      }
    }
    return std::nullopt;
  }

 private:
  bool fail() {
    ok_ = false;
    rest_ = {};
    return false;
  }

  template <typename T>
  bool take_fixed(std::uint64_t& value) {
    if (rest_.size() < sizeof(T)) return false;
    T bits;
    std::memcpy(&bits, rest_.data(), sizeof bits);
    value = bits;
    rest_.remove_prefix(sizeof bits);
    return true;
  }

  bool read_field(WireField& field) {
    const auto tag = take_varint(rest_);
    if (!tag || *tag > UINT32_MAX || *tag >> 3 == 0) return false;
    field.number = static_cast<std::uint32_t>(*tag >> 3);
    field.type = static_cast<WireType>(*tag & 7);
    switch (field.type) {
      case WireType::kVarint: {
        const auto value = take_varint(rest_);
        if (value) field.value = *value;
        return value.has_value();
      }
      case WireType::kFixed64:
        return take_fixed<std::uint64_t>(field.value);
      case WireType::kFixed32:
        return take_fixed<std::uint32_t>(field.value);
      case WireType::kBytes: {
        const auto size = take_varint(rest_);
        if (!size || *size > rest_.size()) return false;
        field.bytes = rest_.substr(0, static_cast<std::size_t>(*size));
        rest_.remove_prefix(field.bytes.size());
        return true;
      }
      case WireType::kGroupStart:
      case WireType::kGroupEnd:
        return true;
    }
    return false;
  }

  bool skip_group() {
    // A counter, not recursion: nesting is as deep as the input likes.
    std::uint64_t open = 1;
    WireField inner;
    while (open > 0) {
      if (!read_field(inner)) return false;
      if (inner.type == WireType::kGroupStart) ++open;
      if (inner.type == WireType::kGroupEnd) --open;
    }
    return true;
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace olmp
