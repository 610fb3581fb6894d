#include "engine/state.h"

#include <algorithm>
#include <cstring>

#include "engine/crc32.h"
#include "engine/error.h"

namespace olmp {
namespace {

constexpr char kMagic[] = "OLMPSTAT";
constexpr std::size_t kMagicBytes = sizeof kMagic - 1;
constexpr std::uint32_t kVersion = 1;
constexpr std::uint64_t kPreambleBytes = kMagicBytes + 2 * sizeof(std::uint32_t);
constexpr std::uint64_t kChecksumBytes = sizeof(std::uint32_t);
constexpr std::uint64_t kLargestHeaderBytes = 64 << 20;

}  // namespace

void StateWriter::add(std::string name, std::uint64_t bytes, std::function<void(const Emit&)> produce) {
  sections_.push_back({std::move(name), bytes, std::move(produce)});
}

void StateWriter::write(const std::string& file, const nlohmann::json& meta) const {
  nlohmann::json table = nlohmann::json::array();
  std::uint64_t offset = 0;
  for (const Section& section : sections_) {
    table.push_back({{"name", section.name}, {"offset", offset}, {"bytes", section.bytes}});
    offset += section.bytes;
  }
  const std::string header = nlohmann::json{{"meta", meta}, {"sections", table}}.dump();

  OutputFile out(file);
  Crc32 crc;
  std::uint64_t written = 0;
  const Emit emit = [&](const void* bytes, std::size_t size) {
    crc.add(bytes, size);
    out.write(bytes, size);
    written += size;
  };
  const auto header_bytes = static_cast<std::uint32_t>(header.size());
  emit(kMagic, kMagicBytes);
  emit(&kVersion, sizeof kVersion);
  emit(&header_bytes, sizeof header_bytes);
  emit(header.data(), header.size());
  for (const Section& section : sections_) {
    const std::uint64_t before = written;
    section.produce(emit);
    if (written - before != section.bytes) throw Error("internal", "state section " + section.name + " changed size");
  }
  const std::uint32_t checksum = crc.value();
  out.write(&checksum, sizeof checksum);
  out.commit();
}

StateReader::StateReader(const std::string& file) : file_(file) {
  if (file_.size() < kPreambleBytes + kChecksumBytes) fail("the checkpoint is truncated");
  char magic[kMagicBytes];
  file_.read_at(0, magic, sizeof magic);
  if (std::memcmp(magic, kMagic, sizeof magic) != 0) fail("not a state file of this program");
  std::uint32_t version = 0;
  file_.read_at(kMagicBytes, &version, sizeof version);
  if (version != kVersion) {
    fail("the checkpoint has format version " + std::to_string(version) + "; this program reads version " +
         std::to_string(kVersion));
  }
  verify_checksum();
  read_header();
}

void StateReader::fail(const std::string& what) const { throw Error("corrupt-checkpoint", what, file_.path()); }

void StateReader::verify_checksum() const {
  std::vector<char> buffer(1 << 20);
  const std::uint64_t covered = file_.size() - kChecksumBytes;
  Crc32 crc;
  for (std::uint64_t at = 0; at < covered;) {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(covered - at, buffer.size()));
    file_.read_at(at, buffer.data(), n);
    crc.add(buffer.data(), n);
    at += n;
  }
  std::uint32_t expected = 0;
  file_.read_at(covered, &expected, sizeof expected);
  if (crc.value() != expected) fail("the checkpoint's checksum does not hold: it is truncated or was changed");
}

void StateReader::read_header() {
  std::uint32_t header_bytes = 0;
  file_.read_at(kMagicBytes + sizeof kVersion, &header_bytes, sizeof header_bytes);
  const std::uint64_t payload_limit = file_.size() - kPreambleBytes - kChecksumBytes;
  if (header_bytes > payload_limit || header_bytes > kLargestHeaderBytes) fail("the checkpoint's header is cut off");
  std::string text(header_bytes, '\0');
  file_.read_at(kPreambleBytes, text.data(), text.size());
  try {
    const nlohmann::json header = nlohmann::json::parse(text);
    meta_ = header.at("meta");
    const std::uint64_t payload = payload_limit - header_bytes;
    std::uint64_t end = 0;
    for (const auto& entry : header.at("sections")) {
      const auto bytes = entry.at("bytes").get<std::uint64_t>();
      if (entry.at("offset").get<std::uint64_t>() != end || bytes > payload - end) {
        fail("the sections of the checkpoint are not where its header says");
      }
      sections_[entry.at("name").get<std::string>()] = {kPreambleBytes + header_bytes + end, bytes};
      end += bytes;
    }
    if (end != payload) fail("the checkpoint holds more than its header says");
  } catch (const nlohmann::json::exception& error) {
    fail(std::string("the checkpoint's header cannot be read: ") + error.what());
  }
}

const StateReader::Section& StateReader::section(const std::string& name) const {
  const auto found = sections_.find(name);
  if (found == sections_.end()) fail("the checkpoint has no section '" + name + "'");
  return found->second;
}

std::uint64_t StateReader::bytes(const std::string& name) const { return section(name).bytes; }

bool StateReader::has(const std::string& name) const { return sections_.count(name) > 0; }

void StateReader::read(const std::string& name, std::uint64_t from, void* to, std::size_t size) const {
  const Section& place = section(name);
  if (from > place.bytes || size > place.bytes - from) fail("section '" + name + "' is shorter than expected");
  file_.read_at(place.offset + from, to, size);
}

}  // namespace olmp
