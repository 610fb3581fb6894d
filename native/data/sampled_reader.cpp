// Items of a part of a database in a new order each epoch: from the database itself, or from augmented copies of it that
// are made once and held as bytes.
#include <algorithm>
#include <array>
#include <new>
#include <numeric>
#include <string>

#include "data/augmentation.h"
#include "data/batch_filler.h"
#include "data/batch_reader.h"
#include "data/byte_array.h"
#include "data/datum.h"
#include "data/held_out.h"
#include "data/lmdb_reader.h"
#include "data/pixels.h"
#include "engine/error.h"

namespace olmp {
namespace {

constexpr std::uint64_t kItemsAhead = 6;
constexpr std::size_t kCacheLine = 64;

struct Part {
  std::uint64_t held = 0;  // set aside for validation
  bool validation = false;  // those are read, else the others
  bool shuffle = false;
  bool augmented = false;
  Augmentation augmentation;
  std::uint64_t seed = 0;
};

Part parse_part(const nlohmann::json& json) {
  Part part;
  json.at("held").get_to(part.held);
  part.validation = json.at("part") == "held";
  json.at("shuffle").get_to(part.shuffle);
  json.at("seed").get_to(part.seed);
  part.augmented = !json.at("augmentation").is_null();
  if (part.augmented) part.augmentation = parse_augmentation(json.at("augmentation"));
  return part;
}

class SampledReader final : public BatchReader {
 public:
  SampledReader(const nlohmann::json& params, bool train, std::uint64_t seed)
      : reader_(params.at("source").get<std::string>()),
        spec_(parse_transform(params.at("transform"))),
        filler_(Transformer(spec_, train)),
        part_(parse_part(params.at("sampling"))),
        random_(seed) {
    const std::uint64_t all = reader_.entries();
    if (part_.validation ? part_.held == 0 || part_.held > all : part_.held >= all) {
      throw Error("bad-argument",
                  std::to_string(part_.held) + " of " + std::to_string(all) + " items are to be held out",
                  reader_.file());
    }
    count_ = part_.validation ? part_.held : all - part_.held;
    const auto entry = reader_.at(0);
    parse_datum(entry.value, {reader_.file(), entry.key}, datum_);
    filler_.set_first(datum_, {reader_.file(), entry.key});
    const auto described = params.find("datum_shape");
    if (described != params.end() && described->get<std::array<int, 3>>() != filler_.datum_shape()) {
      throw Error("shape-mismatch", "the datums do not have the shape that the net was made for", reader_.file());
    }
  }

  Shape item_shape() const override { return filler_.item_shape(); }
  std::uint64_t entries() const override {
    return part_.augmented ? count_ * static_cast<std::uint64_t>(part_.augmentation.copies) : count_;
  }
  DataSourceState state() const override { return {position_, epoch_, random_.state()}; }

  void set_state(const DataSourceState& state) override {
    if (state.position >= entries()) {
      throw Error("dataset-changed",
                  "the saved position is item " + std::to_string(state.position) + ", but there are " +
                      std::to_string(entries()) + " now",
                  reader_.file());
    }
    position_ = state.position;
    epoch_ = state.epoch;
    random_.set_state(state.random);
  }

  void read(Batch& batch, const std::atomic<bool>& stopping) override {
    if (part_.held > 0 && images_.empty()) choose_images(stopping);
    if (part_.augmented && copies_.empty()) make_copies(stopping);
    if (stopping) return;
    batch.items.resize(batch.labels.size());
    for (std::size_t i = 0; i < batch.labels.size() && !stopping; ++i) {
      const std::uint64_t item = order()[position_];
      if (part_.augmented && position_ + kItemsAhead < entries()) fetch(order()[position_ + kItemsAhead]);
      load(item);
      filler_.put(datum_, {reader_.file(), key_}, random_, i, batch);
      batch.labels[i] = static_cast<float>(datum_.label);
      batch.items[i] = item;
      if (++position_ < entries()) continue;
      position_ = 0;
      if (part_.shuffle) ++epoch_;
    }
    batch.after = state();
  }

 private:
  // The epoch's permutation (Fisher, Yates), from the seed and its number alone.
  const std::vector<std::uint64_t>& order() {
    if (order_.empty() || (part_.shuffle && order_epoch_ != epoch_)) {
      order_.resize(entries());
      std::iota(order_.begin(), order_.end(), std::uint64_t{0});
      Random random(part_.seed * 0x9e3779b97f4a7c15ULL + epoch_);
      for (std::size_t i = order_.size(); part_.shuffle && i > 1; --i) {
        std::swap(order_[i - 1], order_[random.below(static_cast<std::uint32_t>(i))]);
      }
      order_epoch_ = epoch_;
    }
    return order_;
  }

  // Has a copy brought into the cache: they lie in memory in another order than they are read in.
  void fetch(std::uint64_t item) const {
#ifdef __GNUC__
    const std::uint8_t* from = copies_.data() + item * copy_size_;
    for (std::size_t byte = 0; byte < copy_size_; byte += kCacheLine) __builtin_prefetch(from + byte);
#else
    (void)item;
#endif
  }

  // Of each image of the part, its place in the database. Labels are read here and not at the opening, which many do only to
  // describe or restore.
  void choose_images(const std::atomic<bool>& stopping) {
    std::vector<int> labels;
    for (std::uint64_t image = 0; image < reader_.entries(); ++image) {
      if (stopping) return;
      const auto entry = reader_.at(image);
      parse_datum(entry.value, {reader_.file(), entry.key}, datum_);
      labels.push_back(datum_.label);
    }
    images_ = held_out(labels, part_.held);
    if (!part_.validation) images_ = all_but(images_, reader_.entries());
  }

  std::uint64_t place_of(std::uint64_t image) const { return part_.held > 0 ? images_[image] : image; }

  void load(std::uint64_t item) {
    if (part_.augmented) {
      const std::size_t image = item / static_cast<std::size_t>(part_.augmentation.copies);
      datum_ = Datum();
      datum_.channels = copy_shape_[0];
      datum_.height = copy_shape_[1];
      datum_.width = copy_shape_[2];
      datum_.label = labels_[image];
      datum_.data = {reinterpret_cast<const char*>(copies_.data()) + item * copy_size_, copy_size_};
      key_ = {};
      return;
    }
    const auto entry = reader_.at(place_of(item));
    key_ = entry.key;
    parse_datum(entry.value, {reader_.file(), key_}, datum_);
  }

  ImageColor color() const {
    if (spec_.force_color) return ImageColor::kColor;
    return spec_.force_gray ? ImageColor::kGray : ImageColor::kUnchanged;
  }

  void make_copies(const std::atomic<bool>& stopping) {
    copy_shape_ = filler_.datum_shape();
    copy_size_ = static_cast<std::size_t>(copy_shape_[0]) * static_cast<std::size_t>(copy_shape_[1]) *
                 static_cast<std::size_t>(copy_shape_[2]);
    const auto copies = static_cast<std::uint64_t>(part_.augmentation.copies);
    ByteArray made;
    try {
      made = ByteArray(entries() * copy_size_);
      labels_.resize(count_);
    } catch (const std::exception&) {
      throw Error("out-of-memory", "there is not enough memory for " + std::to_string(entries()) +
                                       " augmented images of " + std::to_string(copy_size_) +
                                       " bytes; ask for fewer copies, or for none");
    }
    for (std::uint64_t image = 0; image < count_; ++image) {
      if (stopping) return;
      const auto entry = reader_.at(place_of(image));
      const DatumPlace place{reader_.file(), entry.key};
      parse_datum(entry.value, place, datum_);
      const Pixels pixels = read_pixels(datum_, place, color(), image_);
      if (pixels.bytes == nullptr) {
        throw Error("unsupported", "only images of bytes can be augmented; these data are floats", reader_.file());
      }
      if (pixels.shape != copy_shape_) {
        throw Error("unsupported", "only images of one size can be augmented; datum '" + printable_key(entry.key) +
                                       "' has another one", reader_.file());
      }
      labels_[image] = datum_.label;
      for (std::uint64_t copy = 0; copy < copies; ++copy) {
        const std::uint64_t item = image * copies + copy;
        Random random(part_.seed ^ (item + 1) * 0xbf58476d1ce4e5b9ULL);
        augment(part_.augmentation, copy_shape_, pixels.bytes, random, made.data() + item * copy_size_);
      }
    }
    copies_ = std::move(made);
  }

  LmdbReader reader_;
  TransformSpec spec_;
  BatchFiller filler_;
  Part part_;
  std::uint64_t count_ = 0;              // images of the part
  std::vector<std::uint64_t> images_;    // (count), where some are held out
  Random random_;
  Datum datum_;
  Image image_;
  std::string_view key_;
  std::uint64_t position_ = 0;
  std::uint64_t epoch_ = 0;
  std::vector<std::uint64_t> order_;
  std::uint64_t order_epoch_ = 0;
  std::array<int, 3> copy_shape_{};
  std::size_t copy_size_ = 0;
  ByteArray copies_;         // (count, copies, C, H, W)
  std::vector<int> labels_;  // (count), of the copies
};

}  // namespace

std::unique_ptr<BatchReader> make_sampled_reader(const nlohmann::json& params, bool train, std::uint64_t seed) {
  return std::make_unique<SampledReader>(params, train, seed);
}

}  // namespace olmp
