// Moving, combining and reducing blobs.
#pragma once

#include "cuda/launch.h"

namespace olmp::cuda {

// Eltwise MAX: of equal values among the first two the second wins, later ones only if greater. winner: (n).
void maximum_of_two(const Stream& stream, const float* a, const float* b, float* y, int* winner, Index n);
void maximum_with(const Stream& stream, const float* x, int index, float* y, int* winner, Index n);
void gradient_of_winner(const Stream& stream, const int* winner, int index, const float* dy, float* dx, Index n);

// (outer, block) -> (outer, tiles, block) and its adjoint.
void tile_forward(const Stream& stream, Index outer, Index tiles, Index block, const float* x, float* y);
void tile_backward(const Stream& stream, Index outer, Index tiles, Index block, const float* dy, float* dx);

inline constexpr int kMaxAxes = 32;  // Caffe's
struct CropGeometry {
  int axes = 0;
  int whole[kMaxAxes];
  int part[kMaxAxes];
  int offset[kMaxAxes];
  Index count = 0;  // of the part
};
void crop(const Stream& stream, const CropGeometry& geometry, const float* whole, float* part);
void uncrop(const Stream& stream, const CropGeometry& geometry, const float* part, float* whole);

enum class Reduce { kSum, kAsum, kSumsq };
// (rows, length) -> (rows)
void reduce_forward(const Stream& stream, Reduce operation, Index rows, Index length, float coefficient,
                    const float* x, float* y);
void reduce_backward(const Stream& stream, Reduce operation, Index rows, Index length, float coefficient,
                     const float* dy, const float* x, float* dx);

// deviation: (rows) sd + eps, or null where the variance is left alone.
void mvn_forward(const Stream& stream, Index rows, Index length, float eps, const float* x, float* y, float* deviation);
void mvn_backward(const Stream& stream, Index rows, Index length, const float* dy, const float* y,
                  const float* deviation, float* dx);

}  // namespace olmp::cuda
