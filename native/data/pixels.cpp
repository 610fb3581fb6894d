#include "data/pixels.h"

#include "engine/error.h"

namespace olmp {

Pixels read_pixels(const Datum& datum, const DatumPlace& place, ImageColor color, Image& image) {
  if (datum.encoded) {
    ImageFault fault;
    if (!decode_image(datum.data, color, image, fault)) {
      if (!fault.unsupported) throw_bad_datum(place, fault.what);
      throw Error("unsupported", "datum '" + printable_key(place.key) + "' cannot be used: " + fault.what, place.file);
    }
    return {image.shape, image.pixels.data(), nullptr};
  }
  if (datum.data.empty()) return {datum.shape(), nullptr, datum.float_data.data()};
  return {datum.shape(), reinterpret_cast<const std::uint8_t*>(datum.data.data()), nullptr};
}

}  // namespace olmp
