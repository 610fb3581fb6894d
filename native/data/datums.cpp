#include "data/datums.h"

#include <algorithm>

#include "data/lmdb_reader.h"
#include "data/pixels.h"

namespace olmp {

DatumSetInfo describe_datums(const std::string& folder) {
  LmdbReader reader(folder);
  const auto entry = reader.at(0);
  const DatumPlace place{reader.file(), entry.key};
  Datum datum;
  Image image;
  parse_datum(entry.value, place, datum);
  const auto pixels = read_pixels(datum, place, ImageColor::kUnchanged, image);
  return {reader.entries(), pixels.shape, datum.encoded, pixels.floats != nullptr};
}

std::vector<DatumImage> read_datums(const std::string& folder, std::uint64_t start, std::uint64_t count) {
  LmdbReader reader(folder);
  std::vector<DatumImage> images;
  Datum datum;
  Image image;
  for (std::uint64_t i = start; i < reader.entries() && i - start < count; ++i) {
    const auto entry = reader.at(i);
    const DatumPlace place{reader.file(), entry.key};
    parse_datum(entry.value, place, datum);
    const auto pixels = read_pixels(datum, place, ImageColor::kUnchanged, image);
    DatumImage& out = images.emplace_back();
    out.shape = pixels.shape;
    out.label = datum.label;
    std::size_t size = 1;
    for (const int dim : pixels.shape) size *= static_cast<std::size_t>(dim);
    if (pixels.bytes != nullptr) {
      out.pixels.assign(pixels.bytes, pixels.bytes + size);
    } else {
      out.pixels.assign(pixels.floats, pixels.floats + size);
    }
  }
  return images;
}

}  // namespace olmp
