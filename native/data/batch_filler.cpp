#include "data/batch_filler.h"

#include <algorithm>

namespace olmp {

void BatchFiller::set_first(const Datum& datum, const DatumPlace& place) {
  transformer_.set_first(datum, place);
  pointwise_ = transformer_.pointwise();
}

Shape BatchFiller::item_shape() const {
  const auto& shape = transformer_.output_shape();
  return {shape.begin(), shape.end()};
}

void BatchFiller::put(const Datum& datum, const DatumPlace& place, Random& random, std::size_t i, Batch& batch) {
  const std::size_t size = batch.data.size() / batch.labels.size();
  if (i == 0) {
    batch.transform = pointwise_;
    if (pointwise_) batch.pixels.resize(batch.data.size());
  }
  if (batch.transform) {
    const std::uint8_t* pixels = transformer_.pixels(datum, place);
    if (pixels != nullptr) {
      std::copy(pixels, pixels + size, batch.pixels.data() + i * size);
      return;
    }
    // Floats among bytes.
    batch.transform->apply(batch.pixels.data(), i * size, batch.data.data());
    batch.transform.reset();
  }
  transformer_.apply(datum, place, random, batch.data.data() + i * size);
}

}  // namespace olmp
