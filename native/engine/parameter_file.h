// Parameter values straight from a place in a file (a caffemodel's packed floats, an HDF5 data set), without a second
// copy of the whole.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "engine/file.h"

namespace olmp {

// BlobPlacement of main/engine/binding.ts, less the parameter it is for.
struct FloatPlacement {
  std::uint64_t offset_bytes = 0;
  std::int64_t count = 0;
  bool float64 = false;
};

// Hands the floats over in chunks: (first index, values, how many). Throws Error("truncated-file") before the first
// chunk where the file is too short.
void read_floats(const InputFile& file, const FloatPlacement& placement,
                 const std::function<void(std::int64_t, const float*, std::int64_t)>& chunk);

}  // namespace olmp
