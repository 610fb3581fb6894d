// What the addon offers about databases of Caffe Datums: describing, previewing, making them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "data/lmdb_writer.h"

namespace olmp {

struct DatumSetInfo {
  std::uint64_t entries = 0;
  std::array<int, 3> shape{};  // (C, H, W) of the first datum, decoded
  bool encoded = false;        // JPEG or PNG
  bool float_data = false;
};

struct DatumImage {
  std::array<int, 3> shape{};  // (C, H, W)
  int label = 0;
  std::vector<float> pixels;   // as stored (0..255 for bytes); images decoded to BGR as OpenCV does
};

// Throws Error with codes: missing-file, not-an-lmdb, truncated-file, corrupt-file, empty-dataset, bad-datum,
// unsupported.
DatumSetInfo describe_datums(const std::string& folder);

// Datums [start, start + count) in key order, cut at the end of the database. Errors as above.
std::vector<DatumImage> read_datums(const std::string& folder, std::uint64_t start, std::uint64_t count);

// MNIST's idx files (not compressed) as the LMDB that Caffe's convert_mnist_data makes: keys %08d in file order, uint8
// Datums. Throws Error with codes: missing-file, not-an-idx, truncated-file, shape-mismatch, and those of LmdbWriter.
void convert_mnist(const std::string& images_file, const std::string& labels_file, const std::string& folder);

}  // namespace olmp
