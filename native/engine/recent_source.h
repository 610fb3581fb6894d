// A data source that remembers the last batches it handed out: the parts of a batch that is computed in parts.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "engine/data_source.h"

namespace olmp {

class RecentSource final : public DataSource {
 public:
  struct Batch {
    std::vector<float> data;
    std::vector<float> labels;  // empty where the layer has none
  };

  // `floats` and `labels` of a batch.
  RecentSource(std::unique_ptr<DataSource> source, std::size_t batches, std::int64_t floats, std::int64_t labels)
      : source_(std::move(source)), most_(batches), floats_(floats), labels_(labels) {}

  Shape item_shape() const override { return source_->item_shape(); }
  std::uint64_t entries() const override { return source_->entries(); }
  void next(float* data, float* labels) override {
    source_->next(data, labels);
    Batch batch{{data, data + floats_}, {}};
    if (labels != nullptr) batch.labels.assign(labels, labels + labels_);
    recent_.push_back(std::move(batch));
    if (recent_.size() > most_) recent_.pop_front();
  }
  const std::vector<std::uint64_t>& items() const override { return source_->items(); }
  DataSourceState state() const override { return source_->state(); }
  void restore(const DataSourceState& state) override { source_->restore(state); }

  // Oldest first; as many as have been handed out, or set, up to those to be remembered.
  const std::deque<Batch>& recent() const { return recent_; }
  void set_recent(std::deque<Batch> batches) { recent_ = std::move(batches); }

 private:
  std::unique_ptr<DataSource> source_;
  std::size_t most_;
  std::int64_t floats_;
  std::int64_t labels_;
  std::deque<Batch> recent_;
};

}  // namespace olmp
