// The container of a session's state: a JSON header and named sections of raw little-endian bytes, closed by a CRC-32
// over everything before it.
//
//   "OLMPSTAT"  8 bytes
//   version     uint32 (1)
//   header size uint32, header: JSON { meta: {...}, sections: [{ name, offset, bytes }] }, offsets from its end
//   sections    one after another
//   crc         uint32
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/file.h"

namespace olmp {

// Collects what is to be written, then writes it in one pass.
class StateWriter {
 public:
  using Emit = std::function<void(const void* bytes, std::size_t size)>;
  // `produce` hands over exactly `bytes` bytes when the file is written.
  void add(std::string name, std::uint64_t bytes, std::function<void(const Emit&)> produce);
  // Whole and synced, or absent. Throws Error("write-failed").
  void write(const std::string& file, const nlohmann::json& meta) const;

 private:
  struct Section {
    std::string name;
    std::uint64_t bytes;
    std::function<void(const Emit&)> produce;
  };
  std::vector<Section> sections_;
};

// A state file whose checksum and structure held when it was opened. Throws Error("corrupt-checkpoint") or
// Error("missing-file").
class StateReader {
 public:
  explicit StateReader(const std::string& file);

  const nlohmann::json& meta() const { return meta_; }
  // Bytes of a section; Error("corrupt-checkpoint") if there is none.
  std::uint64_t bytes(const std::string& name) const;
  bool has(const std::string& name) const;
  void read(const std::string& name, std::uint64_t from, void* to, std::size_t size) const;
  [[noreturn]] void fail(const std::string& what) const;

 private:
  struct Section {
    std::uint64_t offset;
    std::uint64_t bytes;
  };
  const Section& section(const std::string& name) const;
  void verify_checksum() const;
  void read_header();

  InputFile file_;
  nlohmann::json meta_;
  std::map<std::string, Section> sections_;
};

}  // namespace olmp
