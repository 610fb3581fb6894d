// Steps that the host does not wait for: their numbers, and the rows of what they measure, stay on the device.
#pragma once

#include "cuda/kernels/arrays.h"
#include "cuda/kernels/remask.h"
#include "cuda/kernels/update.h"

namespace olmp::cuda {

// A sum over an array, times a factor, that is added to a column of the current row.
struct DeviceMeasure {
  const float* values;
  Index count;
  double factor;
  Index column;
};

// Rows of `columns` doubles; a step adds to row numbers->slot.
struct RowRing {
  StepNumbers* numbers = nullptr;
  double* rows = nullptr;
  Index columns = 0;
  Index loss_column = 0;
};

// Sets which layers the step masks anew.
void set_drawn(const Stream& stream, DrawnLayers* drawn, const DrawnLayers& layers);
// Zeroes row `slot` and sets the numbers of the step; `revive` forgets an earlier loss that was no number.
void begin_row(const Stream& stream, const RowRing& ring, float rate, int iteration, int slot, bool revive);
// A loss that is no number ends the updates.
void measure(const Stream& stream, const RowRing& ring, const DeviceMeasure* measures, Index count);
// Adds the number of ones in a mask to a column.
void count_kept(const Stream& stream, const RowRing& ring, const float* mask, Index n, Index column);

}  // namespace olmp::cuda
