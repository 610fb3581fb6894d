// Kernels built once per instruction set, each set into a namespace of its own; the backend picks a table at run time.
#pragma once

#include <cstdint>

#include "engine/backend.h"

namespace olmp {

struct Kernels {
  // value -= step(rule, diff, history, history2), Caffe's formulas (sgd_solver.cpp and its siblings).
  void (*update)(const UpdateRule& rule, float* value, const float* diff, float* history, float* history2,
                 std::int64_t n);
  void (*abs_moments)(const float* values, std::int64_t n, Backend::AbsMoments* moments);
  double (*sum)(const float* values, std::int64_t n);
  double (*sum_of_squares)(const float* values, std::int64_t n);
  // prune_at and keep_above are the largest floats not above 0.9 t and 1.1 t. Returns the number kept.
  std::int64_t (*update_mask)(float* mask, const float* values, float prune_at, float keep_above, std::int64_t n);
  // The same, and masked = values * mask where the mask changes: elsewhere it holds that already. `changed` is set then.
  std::int64_t (*remask)(float* mask, float* masked, const float* values, float prune_at, float keep_above, std::int64_t n,
                         bool& changed);
  // masked = values where the mask is not 0; elsewhere masked is 0 already, and most of it is not touched.
  void (*keep_masked)(float* masked, const float* values, const float* mask, std::int64_t n);
  // The places, from `first` on, of the elements that are not 0, ascending; returns their number. `places` has room for 16
  // more than that.
  std::int64_t (*nonzero)(const float* values, std::int64_t n, std::int32_t first, std::int32_t* places);
  void (*multiply)(float* out, const float* a, const float* b, std::int64_t n);
  void (*fill)(float* values, float value, std::int64_t n);
  void (*negative_power)(float* out, const float* base, float power, std::int64_t n);  // base ^ -power, base > 0
  // `outputs` windows in a row, all inside the image: x is the first one's corner and `first` its index in the plane, whose
  // rows are `width` long. Writes the largest element of each and its index, or -FLT_MAX and -1 where nothing is greater.
  // False, and nothing done, for a stride it does not know (1 and 2 are known).
  bool (*max_pool_row)(const float* x, std::int32_t first, int width, int kernel_h, int kernel_w, int stride, int outputs,
                       float* y, std::int32_t* chosen);
  // The same for a whole plane of even height and width, 2 x 2 windows by 2, and its gradient (dx is overwritten).
  void (*max_pool_2x2)(const float* x, int height, int width, float* y, std::int32_t* chosen);
  void (*max_pool_2x2_gradient)(const float* dy, const std::int32_t* chosen, int height, int width, float* dx);
  void (*add)(float* to, const float* from, std::int64_t n);
  // (rows, columns), rows `from_stride` apart -> (columns, rows), its rows `to_stride` apart
  void (*transpose)(const float* from, std::int64_t from_stride, std::int64_t rows, std::int64_t columns, float* to,
                    std::int64_t to_stride);
};

namespace avx2 {
const Kernels& kernels();
}
namespace avx512 {
const Kernels& kernels();
}

// The table of cpu_isa().
const Kernels& cpu_kernels();

}  // namespace olmp
