// Where a data layer's batches come from. A source owns its prefetch thread; its state is the state after the last batch
// *handed out*, however far it has read ahead, so that a resumed run sees the same batches.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "engine/random.h"
#include "engine/tensor.h"

namespace olmp {

struct DataSourceState {
  std::uint64_t position = 0;  // of the next item, within the epoch
  std::uint64_t epoch = 0;     // counted where epochs differ (shuffled)
  Random::State random{};      // generator of mirror and crop
};

class DataSource {
 public:
  virtual ~DataSource() = default;
  // (C, H, W) of one item after transformation.
  virtual Shape item_shape() const = 0;
  // Items of an epoch.
  virtual std::uint64_t entries() const = 0;
  // Fills data (batch, C, H, W) and, where not null, labels (batch). Wraps around at the end, as Caffe's cursor does.
  virtual void next(float* data, float* labels) = 0;
  // Which items the last batch handed out held, by their places in an epoch that is not shuffled; empty where the source
  // does not tell.
  virtual const std::vector<std::uint64_t>& items() const = 0;
  virtual DataSourceState state() const = 0;
  virtual void restore(const DataSourceState& state) = 0;
};

// `params` is LayerParams['Data'] of main/net/graph.ts. `train` makes crops random (centred otherwise);
// mirroring is random in both phases, as in Caffe. Throws Error with codes: missing-file, not-an-lmdb, truncated-file,
// corrupt-file, empty-dataset, bad-datum, bad-mean, shape-mismatch, unsupported, out-of-memory; next() throws those of
// reading on the batch where they happen; restore() throws dataset-changed.
std::unique_ptr<DataSource> open_data_source(const nlohmann::json& params, bool train, std::uint64_t seed);

}  // namespace olmp
