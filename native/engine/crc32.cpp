#include "engine/crc32.h"

namespace olmp {

Crc32::Crc32() : tables_{} {
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xedb88320u : 0);
    tables_[0][i] = value;
  }
  for (std::size_t t = 1; t < tables_.size(); ++t) {
    for (std::size_t i = 0; i < 256; ++i) {
      const std::uint32_t previous = tables_[t - 1][i];
      tables_[t][i] = (previous >> 8) ^ tables_[0][previous & 0xff];
    }
  }
}

void Crc32::add(const void* bytes, std::size_t size) {
  const auto* at = static_cast<const unsigned char*>(bytes);
  while (size >= 8) {
    const std::uint32_t low = state_ ^ (static_cast<std::uint32_t>(at[0]) | static_cast<std::uint32_t>(at[1]) << 8 |
                                        static_cast<std::uint32_t>(at[2]) << 16 |
                                        static_cast<std::uint32_t>(at[3]) << 24);
    state_ = tables_[7][low & 0xff] ^ tables_[6][low >> 8 & 0xff] ^ tables_[5][low >> 16 & 0xff] ^
             tables_[4][low >> 24] ^ tables_[3][at[4]] ^ tables_[2][at[5]] ^ tables_[1][at[6]] ^ tables_[0][at[7]];
    at += 8;
    size -= 8;
  }
  for (; size > 0; --size, ++at) state_ = (state_ >> 8) ^ tables_[0][(state_ ^ *at) & 0xff];
}

}  // namespace olmp
