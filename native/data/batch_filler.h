// Puts data into a batch: as bytes where the transformation is the same for every pixel, a quarter of what then moves from the
// reading thread to the one that trains.
#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include "data/batch_reader.h"
#include "data/transformer.h"

namespace olmp {

class BatchFiller {
 public:
  explicit BatchFiller(Transformer transformer) : transformer_(std::move(transformer)) {}

  // Fixes what every datum must be like. Throws as Transformer::set_first.
  void set_first(const Datum& datum, const DatumPlace& place);
  // (C, H, W) of an item, decoded, before cropping and after it.
  const std::array<int, 3>& datum_shape() const { return transformer_.first_shape(); }
  Shape item_shape() const;

  // Item i; those before it are there. Throws as Transformer::apply.
  void put(const Datum& datum, const DatumPlace& place, Random& random, std::size_t i, Batch& batch);

 private:
  Transformer transformer_;
  std::optional<PointwiseTransform> pointwise_;
};

}  // namespace olmp
