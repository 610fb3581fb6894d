// What fills the batches of a data source: one at a time, on the source's own thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "data/transformer.h"
#include "engine/data_source.h"

namespace olmp {

struct Batch {
  std::vector<float> data;           // (N, C, H, W)
  std::vector<std::uint8_t> pixels;  // (N, C, H, W), which `transform` makes the data of
  std::optional<PointwiseTransform> transform;  // without a value, the data are there
  std::vector<float> labels;         // (N)
  std::vector<std::uint64_t> items;  // (N), or empty (DataSource::items)
  DataSourceState after;
  std::exception_ptr error;          // instead of the data
};

class BatchReader {
 public:
  virtual ~BatchReader() = default;
  virtual Shape item_shape() const = 0;
  virtual std::uint64_t entries() const = 0;
  virtual DataSourceState state() const = 0;
  // Throws Error("dataset-changed").
  virtual void set_state(const DataSourceState& state) = 0;
  // Leaves the batch unfinished where `stopping` comes true.
  virtual void read(Batch& batch, const std::atomic<bool>& stopping) = 0;
};

// Data's `sampling` of main/net/graph.ts (Sampling): part of a dataset, shuffled, augmented. Throws as open_data_source,
// and Error("bad-argument") for a range outside the dataset.
std::unique_ptr<BatchReader> make_sampled_reader(const nlohmann::json& params, bool train, std::uint64_t seed);

}  // namespace olmp
