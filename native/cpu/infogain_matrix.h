// InfogainLoss's matrix H as Caffe stores it: a BlobProto of (classes, classes) values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace olmp {

// Row = true class. Any shape with classes^2 values will do, as in Caffe; float or double data, packed or not.
// Throws Error with codes: missing-file, bad-infogain-matrix.
std::vector<float> read_infogain_matrix(const std::string& file, std::int64_t classes);

}  // namespace olmp
