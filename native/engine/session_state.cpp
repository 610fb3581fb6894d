// What a session's state file holds, over the container of state.h.
#include <algorithm>
#include <cmath>

#include "engine/error.h"
#include "engine/session.h"
#include "engine/state.h"

namespace olmp {
namespace {

constexpr std::int64_t kChunkFloats = 1 << 18;  // a multiple of 8: chunks of packed masks end on whole bytes

std::uint64_t float_bytes(const Tensor& tensor) { return static_cast<std::uint64_t>(tensor.count()) * sizeof(float); }
std::uint64_t mask_bytes(const Tensor& tensor) { return (static_cast<std::uint64_t>(tensor.count()) + 7) / 8; }

// Calls body(first, size) over [0, n).
template <typename Body>
void for_chunks(std::int64_t n, const Body& body) {
  for (std::int64_t from = 0; from < n; from += kChunkFloats) body(from, std::min(kChunkFloats, n - from));
}

void add_floats(StateWriter& writer, const std::string& name, Backend& backend, const float* from, std::int64_t n) {
  writer.add(name, static_cast<std::uint64_t>(n) * sizeof(float), [&backend, from, n](const StateWriter::Emit& emit) {
    std::vector<float> chunk(static_cast<std::size_t>(std::min(n, kChunkFloats)));
    for_chunks(n, [&](std::int64_t first, std::int64_t size) {
      backend.copy_out(chunk.data(), from + first, size);
      emit(chunk.data(), static_cast<std::size_t>(size) * sizeof(float));
    });
  });
}

// One bit per element, lowest first.
void add_mask(StateWriter& writer, const std::string& name, Backend& backend, const Parameter& parameter) {
  const float* from = parameter.mask;
  const std::int64_t n = parameter.tensor.count();
  writer.add(name, mask_bytes(parameter.tensor), [&backend, from, n](const StateWriter::Emit& emit) {
    std::vector<float> chunk(static_cast<std::size_t>(std::min(n, kChunkFloats)));
    for_chunks(n, [&](std::int64_t first, std::int64_t size) {
      backend.copy_out(chunk.data(), from + first, size);
      std::vector<unsigned char> bits(static_cast<std::size_t>(size + 7) / 8);
      for (std::size_t i = 0; i < static_cast<std::size_t>(size); ++i) {
        if (chunk[i] != 0) bits[i / 8] = static_cast<unsigned char>(bits[i / 8] | 1u << (i % 8));
      }
      emit(bits.data(), bits.size());
    });
  });
}

void read_floats_section(const StateReader& reader, const std::string& name, Backend& backend, float* to,
                         std::int64_t n) {
  std::vector<float> chunk(static_cast<std::size_t>(std::min(n, kChunkFloats)));
  for_chunks(n, [&](std::int64_t first, std::int64_t size) {
    reader.read(name, static_cast<std::uint64_t>(first) * sizeof(float), chunk.data(),
                static_cast<std::size_t>(size) * sizeof(float));
    backend.copy_in(to + first, chunk.data(), size);
  });
}

std::vector<float> read_mask_section(const StateReader& reader, const std::string& name, std::int64_t n) {
  std::vector<unsigned char> bits(static_cast<std::size_t>(n + 7) / 8);
  reader.read(name, 0, bits.data(), bits.size());
  std::vector<float> mask(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = (bits[i / 8] >> (i % 8) & 1) != 0 ? 1.0f : 0.0f;
  return mask;
}

nlohmann::json describe_sources(const Net& net) {
  nlohmann::json sources = nlohmann::json::array();
  for (const auto& source : net.sources()) {
    const DataSourceState state = source->state();
    sources.push_back({{"position", state.position},
                       {"epoch", state.epoch},
                       {"entries", source->entries()},
                       {"random", state.random}});
  }
  return sources;
}

void restore_sources(const Net& net, const nlohmann::json& saved) {
  for (std::size_t i = 0; i < net.sources().size(); ++i) {
    DataSourceState state;
    saved.at(i).at("position").get_to(state.position);
    state.epoch = saved.at(i).value("epoch", std::uint64_t{0});  // absent in older files
    saved.at(i).at("random").get_to(state.random);
    net.sources()[i]->restore(state);
  }
}

void check_sources(const StateReader& reader, const Net& net, const nlohmann::json& saved, const char* phase) {
  const std::string data = std::string("the ") + phase + " data";
  if (saved.size() != net.sources().size()) reader.fail("the checkpoint has other data layers in its " + std::string(phase) + " net");
  for (std::size_t i = 0; i < saved.size(); ++i) {
    const auto entries = saved.at(i).at("entries").get<std::uint64_t>();
    const std::uint64_t present = net.sources()[i]->entries();
    if (entries != present) {
      reader.fail(data + " had " + std::to_string(entries) + " items when the checkpoint was written, and has " +
                  std::to_string(present) + " now");
    }
    if (saved.at(i).at("position").get<std::uint64_t>() >= std::max<std::uint64_t>(entries, 1)) {
      reader.fail("the position in " + data + " lies past its end");
    }
    saved.at(i).at("random").get<Random::State>();  // throws where malformed
    saved.at(i).value("epoch", std::uint64_t{0});
  }
}

std::string history_section(std::size_t parameter, int part) {
  return (part == 0 ? "history/" : "history2/") + std::to_string(parameter);
}

}  // namespace

std::vector<std::pair<std::string, Tensor*>> Session::inputs() const {
  std::vector<std::pair<std::string, Tensor*>> found;
  if (train_ && train_->batch_loaded()) {
    for (const auto& name : train_inputs_) found.emplace_back("train/" + name, train_->blob(name));
  }
  if (test_ && test_->batch_loaded()) {
    for (const auto& name : test_inputs_) found.emplace_back("test/" + name, test_->blob(name));
  }
  return found;
}

nlohmann::json Session::describe_parameters() const {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& parameter : parameters_->all()) {
    list.push_back({{"layer", parameter->layer}, {"slot", parameter->slot}, {"shape", parameter->tensor.shape}});
  }
  return list;
}

void Session::save_state(const std::string& file) const {
  nlohmann::json meta = {{"iteration", iteration_.load()}, {"random", random_.state()},
                         {"parameters", describe_parameters()}, {"solver", solver_ ? solver_->spec().type : ""}};
  if (train_) meta["train"] = {{"batch_loaded", train_->batch_loaded()}, {"sources", describe_sources(*train_)}};
  if (test_) meta["test"] = {{"batch_loaded", test_->batch_loaded()}, {"sources", describe_sources(*test_)}};
  meta["rates"] = masks_->rates();
  meta["masks_frozen"] = masks_->frozen();
  meta["moments"] = nlohmann::json::array();
  for (const LayerMoments& layer : masks_->moments()) {
    meta["moments"].push_back({{"mu", layer.mu}, {"sigma", layer.sigma}, {"nonzero", layer.nonzero}});
  }

  StateWriter writer;
  const auto& all = parameters_->all();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Parameter& parameter = *all[i];
    const std::string index = std::to_string(i);
    add_floats(writer, "value/" + index, *backend_, parameter.tensor.data, parameter.tensor.count());
    if (parameter.mask != nullptr) add_mask(writer, "mask/" + index, *backend_, parameter);
    for (int part = 0; solver_ && part < solver_->history_parts(); ++part) {
      add_floats(writer, history_section(i, part), *backend_, solver_->history(i, part), parameter.tensor.count());
    }
  }
  for (const auto& [name, tensor] : inputs()) {
    const Net& net = name.rfind("train/", 0) == 0 ? *train_ : *test_;
    std::vector<float> parts = net.parts_of(*tensor);
    if (parts.empty()) {
      add_floats(writer, "input/" + name, *backend_, tensor->data, tensor->count());
    } else {  // a whole batch, as a session saves it that need not compute it in parts
      const std::uint64_t bytes = parts.size() * sizeof(float);
      writer.add("input/" + name, bytes, [parts = std::move(parts), bytes](const StateWriter::Emit& emit) {
        emit(parts.data(), static_cast<std::size_t>(bytes));
      });
    }
  }
  writer.write(file, meta);
}

void Session::check_state(const StateReader& reader) const {
  const nlohmann::json& meta = reader.meta();
  if (meta.at("parameters") != describe_parameters()) {
    reader.fail("the checkpoint belongs to another net: its parameters have other names or shapes");
  }
  if (meta.at("solver") != (solver_ ? solver_->spec().type : "")) {
    reader.fail("the checkpoint belongs to a run with another type of solver");
  }
  if (meta.contains("train") != (train_ != nullptr) || meta.contains("test") != (test_ != nullptr)) {
    reader.fail("the checkpoint belongs to a session with other phases");
  }
  if (meta.at("iteration").get<int>() < 0) reader.fail("the checkpoint has a negative iteration");
  meta.at("random").get<Random::State>();
  meta.value("masks_frozen", false);  // absent in older files; throws where malformed
  const std::size_t layers = masks_->layers();
  const auto rates = meta.at("rates").get<std::vector<double>>();
  if (!rates.empty() && rates.size() != layers) reader.fail("the checkpoint has rates of another number of layers");
  const auto& moments = meta.at("moments");
  if (!moments.empty() && moments.size() != layers) {
    reader.fail("the checkpoint has moments of another number of layers");
  }
  for (const auto& layer : moments) {
    layer.at("mu").get<double>();
    layer.at("sigma").get<double>();
    layer.at("nonzero").get<std::int64_t>();
  }
  const auto expect = [&reader](const std::string& name, std::uint64_t bytes) {
    if (reader.bytes(name) != bytes) reader.fail("section '" + name + "' of the checkpoint has the wrong size");
  };
  const auto& all = parameters_->all();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string index = std::to_string(i);
    expect("value/" + index, float_bytes(all[i]->tensor));
    if (reader.has("mask/" + index)) {
      expect("mask/" + index, mask_bytes(all[i]->tensor));
      if (all[i]->prunable < 0) reader.fail("the checkpoint has a mask for a parameter that cannot carry one");
    }
    for (int part = 0; solver_ && part < solver_->history_parts(); ++part) {
      expect(history_section(i, part), float_bytes(all[i]->tensor));
    }
  }
  const auto check_net = [&](const char* phase, const Net* net, const std::vector<std::string>& names, int parts) {
    if (net == nullptr) return;
    check_sources(reader, *net, meta.at(phase).at("sources"), phase);
    if (!meta.at(phase).at("batch_loaded").get<bool>()) return;
    for (const auto& name : names) {
      expect(std::string("input/") + phase + '/' + name, float_bytes(*net->blob(name)) * static_cast<std::uint64_t>(parts));
    }
  };
  check_net("train", train_.get(), train_inputs_, batch_parts_.train);
  check_net("test", test_.get(), test_inputs_, batch_parts_.test);
}

void Session::restore_arrays(const StateReader& reader) {
  const auto& all = parameters_->all();
  for (std::size_t layer = 0; layer < masks_->layers(); ++layer) masks_->remove(layer);
  for (std::size_t i = 0; i < all.size(); ++i) {
    Parameter& parameter = *all[i];
    const std::string index = std::to_string(i);
    const std::int64_t n = parameter.tensor.count();
    read_floats_section(reader, "value/" + index, *backend_, parameter.tensor.data, n);
    for (int part = 0; solver_ && part < solver_->history_parts(); ++part) {
      read_floats_section(reader, history_section(i, part), *backend_, solver_->history(i, part), n);
    }
  }
  for (std::size_t i = 0; i < all.size(); ++i) {  // after all values: a mask reaches over its layer
    const std::string name = "mask/" + std::to_string(i);
    if (reader.has(name)) masks_->set_mask(*all[i], read_mask_section(reader, name, all[i]->tensor.count()).data());
  }
  for (const auto& [name, tensor] : inputs()) {
    const bool train = name.rfind("train/", 0) == 0;
    const int parts = train ? batch_parts_.train : batch_parts_.test;
    if (parts == 1) {
      read_floats_section(reader, "input/" + name, *backend_, tensor->data, tensor->count());
      continue;
    }
    std::vector<float> values(static_cast<std::size_t>(tensor->count() * parts));
    reader.read("input/" + name, 0, values.data(), values.size() * sizeof(float));
    (train ? *train_ : *test_).set_parts_of(*tensor, values);
    backend_->copy_in(tensor->data, values.data() + values.size() - static_cast<std::size_t>(tensor->count()), tensor->count());
  }
}

void Session::load_state(const std::string& file) {
  forget_population();
  const StateReader reader(file);
  const nlohmann::json& meta = reader.meta();
  try {
    check_state(reader);
    if (train_) train_->set_batch_loaded(meta.at("train").at("batch_loaded"));
    if (test_) test_->set_batch_loaded(meta.at("test").at("batch_loaded"));
    restore_arrays(reader);
    if (train_) restore_sources(*train_, meta.at("train").at("sources"));
    if (test_) restore_sources(*test_, meta.at("test").at("sources"));
    std::vector<LayerMoments> moments;
    for (const auto& layer : meta.at("moments")) {
      moments.push_back({layer.at("mu"), layer.at("sigma"), layer.at("nonzero")});
    }
    masks_->restore_numbers(std::move(moments), meta.at("rates"));
    masks_->freeze(meta.value("masks_frozen", false));
    random_.set_state(meta.at("random"));
    iteration_ = meta.at("iteration");
  } catch (const nlohmann::json::exception& error) {
    reader.fail(std::string("the checkpoint's header is incomplete: ") + error.what());
  }
  update_memory_bytes();
}

}  // namespace olmp
