// MNIST's idx files (http://yann.lecun.com/exdb/mnist/) to an LMDB, as Caffe's convert_mnist_data.cpp.
#include <cstdio>

#include "data/datum.h"
#include "data/datums.h"
#include "data/mapped_file.h"
#include "engine/error.h"

namespace olmp {
namespace {

// An idx file of bytes: magic 0x0000'08'nn with nn dimensions, the dimensions as big-endian 32-bit words, the values.
class IdxFile {
 public:
  IdxFile(const std::string& path, std::uint8_t dimensions) : path_(path), file_(path) {
    const auto bytes = file_.bytes();
    if (bytes.size() < 4 || word(0) != (0x0800U | dimensions)) {
      throw Error("not-an-idx", "the file is not an idx file of " + std::to_string(dimensions) +
                                    "-dimensional bytes (its first four bytes say what it is)",
                  path);
    }
    const std::size_t header = 4 + std::size_t{4} * dimensions;
    if (bytes.size() < header) throw Error("truncated-file", "the file ends within its header", path);
    std::uint64_t left = bytes.size() - header;
    bool fits = true;
    for (std::size_t i = 0; i < dimensions; ++i) {
      dims_.push_back(word(4 + 4 * i));
      // Divided rather than multiplied, so that nothing overflows.
      fits = fits && dims_[i] > 0 && left % dims_[i] == 0;
      if (fits) left /= dims_[i];
    }
    if (!fits || left != 1) throw Error("truncated-file", "the file's size is not what its header says", path);
    values_ = bytes.substr(header);
  }

  std::uint32_t dim(std::size_t axis) const { return dims_[axis]; }
  // Values of item i, where an item has `size` of them.
  std::string_view item(std::size_t i, std::size_t size) const { return values_.substr(i * size, size); }

 private:
  std::uint32_t word(std::size_t at) const {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<std::uint8_t>(file_.bytes()[at + i]);
    return value;
  }

  std::string path_;
  MappedFile file_;
  std::vector<std::uint32_t> dims_;
  std::string_view values_;
};

}  // namespace

void convert_mnist(const std::string& images_file, const std::string& labels_file, const std::string& folder) {
  const IdxFile images(images_file, 3), labels(labels_file, 1);
  if (images.dim(0) != labels.dim(0)) {
    throw Error("shape-mismatch", "there are " + std::to_string(images.dim(0)) + " images and " +
                                      std::to_string(labels.dim(0)) + " labels",
                labels_file);
  }
  const std::size_t pixels = std::size_t{images.dim(1)} * images.dim(2);
  const std::array<int, 3> shape{1, static_cast<int>(images.dim(1)), static_cast<int>(images.dim(2))};
  // Generous: a page of its own for every item and its key, overflow pages rounded up.
  LmdbWriter writer(folder, (std::uint64_t{images.dim(0)} + 64) * (pixels + 2 * 4096));
  for (std::size_t i = 0; i < images.dim(0); ++i) {
    char key[16];
    std::snprintf(key, sizeof key, "%08u", static_cast<unsigned>(i));
    const int label = static_cast<std::uint8_t>(labels.item(i, 1)[0]);
    writer.put({{key, serialize_datum(shape, images.item(i, pixels), label)}});
  }
  writer.close();
}

}  // namespace olmp
