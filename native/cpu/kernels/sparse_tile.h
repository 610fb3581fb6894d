// What the sparse kernels share: how images, points and weights are taken together to keep sums in registers.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cpu/kernels/choice.h"
#include "cpu/kernels/sparse.h"

namespace olmp::OLMP_ISA {

// kVecs whole vectors of images.
template <int kVecs>
struct Whole {
  static constexpr int kVectors = kVecs;
  Vector load(const float* from, int v) const { return Vector::load(from + v * Vector::kLanes); }
  void store(Vector value, float* to, int v) const { value.store(to + v * Vector::kLanes); }
  Choice load(const std::int8_t* from, int v) const { return Choice::load(from + v * Vector::kLanes); }
  void store(Choice value, std::int8_t* to, int v) const { value.store(to + v * Vector::kLanes); }
};

// A rest of less than a vector.
struct Rest {
  static constexpr int kVectors = 1;
  int images;
  Vector load(const float* from, int) const { return Vector::load(from, images); }
  void store(Vector value, float* to, int) const { value.store(to, images); }
  Choice load(const std::int8_t* from, int) const { return Choice::load(from, images); }
  void store(Choice value, std::int8_t* to, int) const { value.store(to, images); }
};

// Calls body(block, first image) on blocks that cover the range, in order.
template <int kVecs, typename Body>
void for_blocks(const ImageRange& range, const Body& body) {
  constexpr std::int64_t kLanes = Vector::kLanes;
  std::int64_t image = range.begin;
  for (; range.end - image >= kVecs * kLanes; image += kVecs * kLanes) body(Whole<kVecs>{}, image);
  if constexpr (kVecs > 2) {
    for (; range.end - image >= 2 * kLanes; image += 2 * kLanes) body(Whole<2>{}, image);
  }
  for (; range.end - image >= kLanes; image += kLanes) body(Whole<1>{}, image);
  if (image < range.end) body(Rest{static_cast<int>(range.end - image)}, image);
}

// Vectors per block: a tile of four points by two vectors keeps both multipliers busy while the rows it reads stay in the
// first-level cache; an inner product has one point and takes more images instead.
constexpr int kTileVectors = 2;
constexpr int kPointVectors = 4;

template <typename Body>
void for_product_blocks(const SparseProduct& product, const ImageRange& range, const Body& body) {
  if (product.points() == 1) {
    for_blocks<kPointVectors>(range, body);
  } else {
    for_blocks<kTileVectors>(range, body);
  }
}

template <int kCount>
struct Count {
  static constexpr int kValue = kCount;
};

// Calls body(Count, first) on fours that cover [0, n), then on the rest.
template <typename Body>
void for_fours(int n, const Body& body) {
  int first = 0;
  for (; n - first >= 4; first += 4) body(Count<4>{}, first);
  switch (n - first) {
    case 3: return body(Count<3>{}, first);
    case 2: return body(Count<2>{}, first);
    case 1: return body(Count<1>{}, first);
    default: return;
  }
}

// How far the four points of a window lie apart in the input, by rows.
struct WindowSteps {
  explicit WindowSteps(const SparseProduct& p, std::int64_t stride)
      : at{0, p.column_step * stride, p.row_step * stride, (p.row_step + p.column_step) * stride} {}
  std::int64_t at[4];
};

}  // namespace olmp::OLMP_ISA
