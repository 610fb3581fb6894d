#include "engine/parameter_file.h"

#include <algorithm>
#include <vector>

#include "engine/error.h"

namespace olmp {
namespace {

constexpr std::int64_t kChunkFloats = 1 << 18;

}  // namespace

void read_floats(const InputFile& file, const FloatPlacement& placement,
                 const std::function<void(std::int64_t, const float*, std::int64_t)>& chunk) {
  const std::uint64_t width = placement.float64 ? sizeof(double) : sizeof(float);
  const auto count = static_cast<std::uint64_t>(placement.count);
  if (placement.offset_bytes > file.size() || count > (file.size() - placement.offset_bytes) / width) {
    throw Error("truncated-file",
                "the file has " + std::to_string(file.size()) + " bytes, but " + std::to_string(count) +
                    (placement.float64 ? " doubles" : " floats") + " are expected from byte " +
                    std::to_string(placement.offset_bytes) + " on",
                file.path());
  }
  std::vector<float> floats(static_cast<std::size_t>(std::min(placement.count, kChunkFloats)));
  std::vector<double> doubles(placement.float64 ? floats.size() : 0);
  for (std::int64_t done = 0; done < placement.count;) {
    const std::int64_t n = std::min(placement.count - done, kChunkFloats);
    const std::uint64_t offset = placement.offset_bytes + static_cast<std::uint64_t>(done) * width;
    const auto bytes = static_cast<std::size_t>(n) * static_cast<std::size_t>(width);
    if (placement.float64) {
      file.read_at(offset, doubles.data(), bytes);
      std::transform(doubles.begin(), doubles.begin() + n, floats.begin(),
                     [](double value) { return static_cast<float>(value); });
    } else {
      file.read_at(offset, floats.data(), bytes);
    }
    chunk(done, floats.data(), n);
    done += n;
  }
}

}  // namespace olmp
