// What a Data layer gets: Caffe's transformations, batches in order, a state that brings them back.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <algorithm>
#include <chrono>
#include <thread>

#include "data/mean_image.h"
#include "engine/data_source.h"
#include "test/data_fixtures.h"

using namespace olmp;
using namespace olmp::test;
using nlohmann::json;

namespace {

json data_params(const std::string& folder, int batch_size, json transform = json::object()) {
  json resolved = {{"scale", 1},
                   {"mirror", false},
                   {"crop_size", 0},
                   {"mean_file", ""},
                   {"mean_value", json::array()},
                   {"force_color", false},
                   {"force_gray", false}};
  resolved.update(transform);
  return {{"source", folder}, {"batch_size", batch_size}, {"transform", resolved}};
}

struct Batch {
  std::vector<float> data, labels;
  bool operator==(const Batch& other) const { return data == other.data && labels == other.labels; }
};

Batch next_of(DataSource& source, int batch_size) {
  Batch batch{std::vector<float>(static_cast<std::size_t>(batch_size * count(source.item_shape()))),
              std::vector<float>(static_cast<std::size_t>(batch_size))};
  source.next(batch.data.data(), batch.labels.data());
  return batch;
}

// counted_datum's byte.
float value(int i, int j) { return static_cast<float>((i * 7 + j) % 256); }

std::string mean_proto(const std::string& dims, const std::vector<float>& values) {
  const std::string bits(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  return dims + "\x2a" + std::string(1, static_cast<char>(bits.size())) + bits;
}

// num, channels, height, width = 1, 1, 2, 2
const std::string kLegacyDims("\x08\x01\x10\x01\x18\x02\x20\x02");

}  // namespace

TEST_CASE("batches follow key order and wrap around") {
  TemporaryFolder folder("order");
  write_lmdb(folder / "db", counted_datums(5, {1, 2, 3}));
  const auto source = open_data_source(data_params(folder / "db", 3), true, 1);
  CHECK(source->item_shape() == Shape{1, 2, 3});
  CHECK(source->entries() == 5);
  CHECK(source->state().position == 0);
  int datum = 0;
  for (int batch = 0; batch < 20; ++batch) {
    const auto got = next_of(*source, 3);
    for (int i = 0; i < 3; ++i, datum = (datum + 1) % 5) {
      CHECK(got.labels[static_cast<std::size_t>(i)] == static_cast<float>(datum));
      for (int j = 0; j < 6; ++j) CHECK(got.data[static_cast<std::size_t>(i * 6 + j)] == value(datum, j));
    }
    CHECK(source->state().position == static_cast<std::uint64_t>(datum));
  }
  std::vector<float> data(18);
  source->next(data.data(), nullptr);
  CHECK(data[0] == value(datum, 0));
}

TEST_CASE("mean and scale: (x - mean) * scale") {
  TemporaryFolder folder("mean");
  write_lmdb(folder / "db", counted_datums(2, {2, 1, 2}));
  const auto first = [&](json transform) {
    return next_of(*open_data_source(data_params(folder / "db", 1, std::move(transform)), false, 1), 1).data;
  };
  CHECK(first({{"scale", 0.00390625}}) == std::vector<float>{0, 0.00390625F, 2 * 0.00390625F, 3 * 0.00390625F});
  CHECK(first({{"mean_value", {1}}, {"scale", 2}}) == std::vector<float>{-2, 0, 2, 4});
  CHECK(first({{"mean_value", {1, 10}}}) == std::vector<float>{-1, 0, -8, -7});
  CHECK(error_code([&] { first({{"mean_value", {1, 2, 3}}}); }) == "shape-mismatch");
  CHECK(error_code([&] { first({{"mean_value", {1}}, {"mean_file", "x"}}); }) == "unsupported");
  CHECK(error_code([&] { first({{"mean_file", folder / "none"}}); }) == "missing-file");
}

TEST_CASE("datums of floats among datums of bytes are transformed alike") {
  TemporaryFolder folder("mixed");
  const float floats[] = {0.5F, -1, 300, 2};
  const std::string bits(reinterpret_cast<const char*>(floats), sizeof floats);
  std::vector<std::string> datums = counted_datums(5, {1, 2, 2});
  datums[2] = serialize_datum({1, 2, 2}, "", 2) + "\x32\x10" + bits;
  write_lmdb(folder / "db", datums);
  const auto source = open_data_source(data_params(folder / "db", 5, {{"mean_value", {1}}, {"scale", 2}}), true, 1);
  for (int batch = 0; batch < 3; ++batch) {
    const auto got = next_of(*source, 5).data;
    for (int i = 0; i < 5; ++i) {
      for (int j = 0; j < 4; ++j) {
        const float from = i == 2 ? floats[j] : value(i, j);
        CHECK(got[static_cast<std::size_t>(i * 4 + j)] == (from - 1) * 2);
      }
    }
  }
}

TEST_CASE("mean files, in both forms of dimensions and at the crop's place") {
  TemporaryFolder folder("meanfile");
  write_lmdb(folder / "db", counted_datums(1, {1, 2, 2}));
  const auto run = [&](const std::string& proto, int crop = 0) {
    write_file(folder / "mean", proto);
    const json transform = {{"mean_file", folder / "mean"}, {"crop_size", crop}};
    return next_of(*open_data_source(data_params(folder / "db", 1, transform), false, 1), 1).data;
  };
  const std::vector<float> centred{-10, -19, -28, -37};
  CHECK(run(mean_proto(kLegacyDims, {10, 20, 30, 40})) == centred);
  CHECK(run(mean_proto("\x3a\x06\x0a\x04\x01\x01\x02\x02", {10, 20, 30, 40})) == centred);
  CHECK(run(mean_proto(kLegacyDims, {10, 20, 30, 40}), 1) == std::vector<float>{-10});
  CHECK(error_code([&] { run(mean_proto(kLegacyDims, {10, 20, 30})); }) == "bad-mean");
  CHECK(error_code([&] { run("not a protobuf message"); }) == "bad-mean");
  CHECK(error_code([&] { run(""); }) == "bad-mean");
  CHECK(error_code([&] { run(mean_proto(std::string("\x08\x01\x10\x01\x18\x01\x20\x04"), {1, 2, 3, 4})); }) ==
        "shape-mismatch");
}

TEST_CASE("the crop is centred in the test phase, random in the train phase") {
  TemporaryFolder folder("crop");
  write_lmdb(folder / "db", counted_datums(1, {1, 5, 4}));
  const auto params = data_params(folder / "db", 1, {{"crop_size", 2}});
  // Rows (5 - 2) / 2 = 1, columns (4 - 2) / 2 = 1.
  const auto centred = open_data_source(params, false, 1);
  CHECK(centred->item_shape() == Shape{1, 2, 2});
  CHECK(next_of(*centred, 1).data == std::vector<float>{5, 6, 9, 10});

  const auto random = open_data_source(params, true, 1);
  std::vector<int> seen(20);
  for (int i = 0; i < 600; ++i) {
    const auto crop = next_of(*random, 1).data;
    CHECK(crop[1] == crop[0] + 1);
    CHECK(crop[2] == crop[0] + 4);
    ++seen[static_cast<std::size_t>(crop[0])];
  }
  // All of the 4 x 3 places, about equally often.
  for (std::size_t y = 0; y < 4; ++y) {
    for (std::size_t x = 0; x < 3; ++x) CHECK(seen[y * 4 + x] > 20);
  }
  CHECK(error_code([&] { open_data_source(data_params(folder / "db", 1, {{"crop_size", 5}}), true, 1); }) ==
        "shape-mismatch");
}

TEST_CASE("mirroring is random in both phases") {
  TemporaryFolder folder("mirror");
  write_lmdb(folder / "db", counted_datums(1, {1, 2, 3}));
  for (const bool train : {false, true}) {
    const auto source = open_data_source(data_params(folder / "db", 1, {{"mirror", true}}), train, 3);
    int mirrored = 0;
    for (int i = 0; i < 200; ++i) {
      const auto data = next_of(*source, 1).data;
      if (data == std::vector<float>{2, 1, 0, 5, 4, 3}) {
        ++mirrored;
      } else {
        CHECK(data == std::vector<float>{0, 1, 2, 3, 4, 5});
      }
    }
    CHECK(mirrored > 60);
    CHECK(mirrored < 140);
  }
}

TEST_CASE("a state brings back the batches after it, bit for bit") {
  TemporaryFolder folder("state");
  write_lmdb(folder / "db", counted_datums(2500, {3, 6, 6}));
  const auto params = data_params(folder / "db", 7, {{"mirror", true}, {"crop_size", 4}});
  const auto source = open_data_source(params, true, 11);
  for (int i = 0; i < 300; ++i) next_of(*source, 7);
  // Time to read ahead, which must not show in the state.
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const auto state = source->state();
  CHECK(state.position == 2100);
  std::vector<Batch> expected;
  for (int i = 0; i < 100; ++i) expected.push_back(next_of(*source, 7));

  const auto other = open_data_source(params, true, 999);
  other->restore(state);
  CHECK(other->state().position == state.position);
  CHECK(other->state().random == state.random);
  for (const auto& batch : expected) CHECK(next_of(*other, 7) == batch);
  source->restore(state);
  for (const auto& batch : expected) CHECK(next_of(*source, 7) == batch);

  DataSourceState beyond = state;
  beyond.position = 2500;
  const auto kept = source->state();
  CHECK(error_code([&] { source->restore(beyond); }) == "dataset-changed");
  const auto after = next_of(*source, 7);
  other->restore(kept);
  CHECK(next_of(*other, 7) == after);
}

TEST_CASE("an error of the thread comes out at its batch, and again until restored") {
  TemporaryFolder folder("error");
  auto values = counted_datums(10, {1, 2, 2});
  values[7] = counted_datum(7, {1, 2, 3});
  write_lmdb(folder / "db", values);
  const auto source = open_data_source(data_params(folder / "db", 2), true, 1);
  for (int i = 0; i < 3; ++i) CHECK(next_of(*source, 2).labels[0] == static_cast<float>(2 * i));
  for (int i = 0; i < 2; ++i) {
    CHECK(error_code([&] { next_of(*source, 2); }) == "shape-mismatch");
    CHECK(source->state().position == 6);
  }
  source->restore({8, 0, source->state().random});
  CHECK(next_of(*source, 2).labels[0] == 8);
}

TEST_CASE("with a crop datums may vary in size, not in channels") {
  TemporaryFolder folder("vary");
  write_lmdb(folder / "db", {counted_datum(0, {1, 3, 3}), counted_datum(1, {1, 4, 6}), counted_datum(2, {2, 3, 3})});
  const auto source = open_data_source(data_params(folder / "db", 1, {{"crop_size", 2}}), false, 1);
  next_of(*source, 1);
  CHECK(next_of(*source, 1).data[0] == value(1, 6 + 2));
  CHECK(error_code([&] { next_of(*source, 1); }) == "shape-mismatch");
}

TEST_CASE("the net's own idea of the shape is checked") {
  TemporaryFolder folder("described");
  write_lmdb(folder / "db", counted_datums(3, {1, 2, 2}));
  auto params = data_params(folder / "db", 1);
  params["datum_shape"] = {1, 2, 2};
  CHECK_NOTHROW(open_data_source(params, true, 1));
  params["datum_shape"] = {1, 4, 1};
  CHECK(error_code([&] { open_data_source(params, true, 1); }) == "shape-mismatch");
}

TEST_CASE("a source ends at once, however far it is") {
  TemporaryFolder folder("stop");
  write_lmdb(folder / "db", counted_datums(50, {3, 64, 64}));
  using Clock = std::chrono::steady_clock;
  Clock::duration longest{};
  for (int round = 0; round < 50; ++round) {
    auto source = open_data_source(data_params(folder / "db", 500), true, 1);
    for (int i = round % 3; i > 0; --i) next_of(*source, 500);
    const auto start = Clock::now();
    source.reset();
    longest = std::max(longest, Clock::now() - start);
  }
  CHECK(longest < std::chrono::seconds(1));
}

TEST_CASE("damaged mean files give an image or an Error") {
  TemporaryFolder folder("meanfuzz");
  Random random(4);
  const auto sound = mean_proto("\x3a\x06\x0a\x04\x01\x01\x02\x02", {10, 20, 30, 40});
  int errors = 0;
  for (int round = 0; round < 2000; ++round) {
    write_file(folder / "mean", damaged(sound, random));
    if (error_code([&] { read_mean_image(folder / "mean"); }) != "") ++errors;
  }
  CHECK(errors > 200);
  CHECK(errors < 2000);
}

TEST_CASE("damaged datums parse or give an Error, within their size") {
  Random random(6);
  const std::string file = "test";
  const float floats[] = {1, 2, 3, 4};
  const std::string bits(reinterpret_cast<const char*>(floats), sizeof floats);
  const std::string sounds[] = {
      counted_datum(3, {1, 2, 2}),
      serialize_datum({1, 2, 2}, "", 5) + "\x32\x10" + bits,
      std::string("\x0b\x13\x08\x01\x14\x0c") + counted_datum(3, {1, 2, 2}),  // nested groups first
  };
  int errors = 0;
  Datum datum;
  for (const auto& sound : sounds) {
    CHECK_NOTHROW(parse_datum(sound, {file, "sound"}, datum));
    for (int round = 0; round < 5000; ++round) {
      // Exactly its size on the heap, so that the sanitizer sees a byte read past it.
      const auto bytes = damaged(sound, random);
      const std::vector<char> exact(bytes.begin(), bytes.end());
      if (error_code([&] { parse_datum({exact.data(), exact.size()}, {file, "damaged"}, datum); }) != "") ++errors;
      CHECK(datum.float_data.size() <= sound.size());
    }
  }
  CHECK(errors > 5000);
  CHECK(errors < 15000);
}
