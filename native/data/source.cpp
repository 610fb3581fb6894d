// The source of a Data layer: a reader, a transformer, and a thread that prepares the next batch while the net works.
#include "engine/data_source.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <new>
#include <thread>

#include "data/batch_filler.h"
#include "data/batch_reader.h"
#include "data/datum.h"
#include "data/lmdb_reader.h"
#include "data/transformer.h"
#include "engine/error.h"

namespace olmp {
namespace {

// Datums in order, wrapping around, transformed.
class OrderedReader final : public BatchReader {
 public:
  OrderedReader(const nlohmann::json& params, bool train, std::uint64_t seed)
      : reader_(params.at("source").get<std::string>()),
        filler_(Transformer(parse_transform(params.at("transform")), train)),
        random_(seed) {
    const auto first = reader_.at(0);
    parse_datum(first.value, {reader_.file(), first.key}, datum_);
    filler_.set_first(datum_, {reader_.file(), first.key});
    const auto described = params.find("datum_shape");
    if (described != params.end() && described->get<std::array<int, 3>>() != filler_.datum_shape()) {
      throw Error("shape-mismatch", "the datums do not have the shape that the net was made for", reader_.file());
    }
  }

  Shape item_shape() const override { return filler_.item_shape(); }
  std::uint64_t entries() const override { return reader_.entries(); }
  DataSourceState state() const override { return {position_, 0, random_.state()}; }

  void set_state(const DataSourceState& state) override {
    if (state.position >= entries()) {
      throw Error("dataset-changed",
                  "the saved position is datum " + std::to_string(state.position) + ", but there are " +
                      std::to_string(entries()) + " now",
                  reader_.file());
    }
    position_ = state.position;
    random_.set_state(state.random);
  }

  void read(Batch& batch, const std::atomic<bool>& stopping) override {
    for (std::size_t i = 0; i < batch.labels.size() && !stopping; ++i) {
      const auto entry = reader_.at(position_);
      const DatumPlace place{reader_.file(), entry.key};
      parse_datum(entry.value, place, datum_);
      filler_.put(datum_, place, random_, i, batch);
      batch.labels[i] = static_cast<float>(datum_.label);
      position_ = position_ + 1 == entries() ? 0 : position_ + 1;
    }
    batch.after = state();
  }

 private:
  LmdbReader reader_;
  BatchFiller filler_;
  Random random_;
  Datum datum_;
  std::uint64_t position_ = 0;
};

// Batches that are prepared ahead: few large ones, or many small ones, so that the threads seldom wake each other for little.
constexpr std::int64_t kFloatsAhead = 1 << 20;
constexpr std::int64_t kMostAhead = 16;

std::size_t batches_ahead(std::int64_t floats) {
  return static_cast<std::size_t>(std::clamp<std::int64_t>(kFloatsAhead / std::max<std::int64_t>(1, floats), 2, kMostAhead));
}

class PrefetchedSource final : public DataSource {
 public:
  PrefetchedSource(std::unique_ptr<BatchReader> reader, std::int64_t batch_size)
      : reader_(std::move(reader)),
        item_shape_(reader_->item_shape()),
        entries_(reader_->entries()),
        state_(reader_->state()) {
    if (batch_size <= 0) throw Error("unsupported", "batch_size must be positive");
    const std::int64_t floats = batch_size * count(item_shape_);
    try {
      batches_.resize(batches_ahead(floats));
      for (auto& batch : batches_) {
        batch.data.resize(static_cast<std::size_t>(floats));
        batch.labels.resize(static_cast<std::size_t>(batch_size));
      }
    } catch (const std::exception&) {
      throw Error("out-of-memory", "there is not enough memory to read batches ahead, of " + std::to_string(batch_size));
    }
  }

  ~PrefetchedSource() override { stop(); }

  Shape item_shape() const override { return item_shape_; }
  std::uint64_t entries() const override { return entries_; }
  DataSourceState state() const override { return state_; }
  const std::vector<std::uint64_t>& items() const override { return items_; }

  void next(float* data, float* labels) override {
    // Started here, so that a source that is only described or restored reads nothing.
    if (!thread_.joinable()) start();
    Batch& batch = batches_[taken_ % batches_.size()];
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return ready_ > 0; });
    }
    // The thread has ended after an error: the batch stays ready, and every further call fails alike until restore().
    if (batch.error) std::rethrow_exception(batch.error);
    if (batch.transform) {
      batch.transform->apply(batch.pixels.data(), batch.pixels.size(), data);
    } else {
      std::copy(batch.data.begin(), batch.data.end(), data);
    }
    if (labels != nullptr) std::copy(batch.labels.begin(), batch.labels.end(), labels);
    state_ = batch.after;
    items_ = batch.items;
    ++taken_;
    bool wake = false;
    {
      const std::lock_guard lock(mutex_);
      --ready_;
      wake = ready_ == batches_.size() / 2;
    }
    if (wake) changed_.notify_one();
  }

  void restore(const DataSourceState& state) override {
    stop();
    // What was read ahead is dropped, also where the new state is refused.
    reader_->set_state(state_);
    reader_->set_state(state);
    state_ = state;
  }

 private:
  void start() {
    ready_ = 0;
    taken_ = 0;
    stopping_ = false;
    for (auto& batch : batches_) batch.error = nullptr;
    thread_ = std::thread([this] { prefetch(); });
  }

  void stop() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  // Fills batches in turn; those not ready are the thread's alone, so that only the counters need the lock.
  void prefetch() {
    for (std::size_t filled = 0;; ++filled) {
      {
        std::unique_lock lock(mutex_);
        // Once full, it rests until half of them are taken.
        if (ready_ == batches_.size()) changed_.wait(lock, [this] { return stopping_ || ready_ <= batches_.size() / 2; });
        if (stopping_) return;
      }
      Batch& batch = batches_[filled % batches_.size()];
      try {
        reader_->read(batch, stopping_);
      } catch (...) {
        batch.error = std::current_exception();
      }
      const bool failed = batch.error != nullptr;
      {
        const std::lock_guard lock(mutex_);
        ++ready_;
      }
      changed_.notify_one();
      if (failed) return;
    }
  }

  std::unique_ptr<BatchReader> reader_;  // the thread's, while it runs
  Shape item_shape_;
  std::uint64_t entries_;
  DataSourceState state_;
  std::vector<std::uint64_t> items_;
  std::vector<Batch> batches_;
  std::size_t taken_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t ready_ = 0;              // under mutex_
  std::atomic<bool> stopping_{false};  // set under mutex_, for the sake of changed_
  std::thread thread_;
};

}  // namespace

std::unique_ptr<DataSource> open_data_source(const nlohmann::json& params, bool train, std::uint64_t seed) {
  const auto sampling = params.find("sampling");
  std::unique_ptr<BatchReader> reader;
  if (sampling != params.end() && !sampling->is_null()) {
    reader = make_sampled_reader(params, train, seed);
  } else {
    reader = std::make_unique<OrderedReader>(params, train, seed);
  }
  return std::make_unique<PrefetchedSource>(std::move(reader), params.at("batch_size").get<std::int64_t>());
}

}  // namespace olmp
