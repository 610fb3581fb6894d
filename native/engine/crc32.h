// CRC-32 (ISO 3309, as in zip and PNG): polynomial 0xedb88320, reflected.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace olmp {

class Crc32 {
 public:
  Crc32();
  void add(const void* bytes, std::size_t size);
  std::uint32_t value() const { return ~state_; }

 private:
  std::array<std::array<std::uint32_t, 256>, 8> tables_;  // slicing by 8 (Kounavis, Berry 2005)
  std::uint32_t state_ = 0xffffffffu;
};

}  // namespace olmp
