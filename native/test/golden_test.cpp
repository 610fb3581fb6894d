// Every layer against the outputs and gradients of real Caffe.
//   GOLDEN_DIR           folder of <case>.json + <case>.bin        (default: test/golden/layers of the repository)
//   GOLDEN_DESCRIPTIONS  map of case -> NetGraph JSON, layer 'l'   (default: descriptions.json in that folder)
//   OLMP_TEST_DEVICE     see test_device.h
//   GOLDEN_FILTER        run only the cases whose name holds this

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "engine/net.h"
#include "test/test_main.h"

namespace olmp {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

std::string environment(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? otherwise : value;
}

fs::path golden_dir() {
  const fs::path repository = fs::path(__FILE__).parent_path().parent_path().parent_path();
  return environment("GOLDEN_DIR", (repository / "test" / "golden" / "layers").string());
}

struct Array {
  std::string role;
  std::string name;
  std::vector<float> values;
};

// One case and the net made from it.
class Case {
 public:
  Case(const fs::path& folder, const std::string& name, const json& graph)
      : meta_(json::parse(std::ifstream(folder / (name + ".json")))), graph_(graph), layer_(graph.at("layers").back()) {
    std::ifstream bin(folder / meta_.at("bin").get<std::string>(), std::ios::binary);
    for (const json& array : meta_.at("arrays")) {
      Array read{array.at("role"), array.at("name"), std::vector<float>(array.at("count").get<std::size_t>())};
      bin.seekg(array.at("offset_bytes").get<std::streamoff>());
      bin.read(reinterpret_cast<char*>(read.values.data()),
               static_cast<std::streamsize>(read.values.size() * sizeof(float)));
      REQUIRE(bin.good());
      arrays_.push_back(std::move(read));
    }
    net_ = std::make_unique<Net>(graph_, *backend_, parameters_, random_, 1, 1, true);
    make_masks();
  }

  void run() {
    put("input", false);
    put_parameters("param", false);
    put_parameters("param_diff_initial", true);
    refresh_effective();
    for (int pass = 0; pass < meta_.at("forward_passes").get<int>(); ++pass) net_->forward(false);
    compare_blobs("output", false);
    compare_parameters("param_after_forward", false);
    if (!meta_.at("backward").get<bool>()) return;
    put("output_diff", true);
    net_->backward();
    compare_blobs("input_diff", true);
    compare_parameters("param_diff", true);
  }

 private:
  // Blobs 2 and 3 of the OLMP fork's layers are the masks of 0 and 1.
  void make_masks() {
    if (!masked()) return;
    for (int slot = 0; slot < 2; ++slot) {
      Parameter* parameter = parameters_.find("l", slot);
      if (parameter == nullptr) continue;
      const std::int64_t n = parameter->tensor.count();
      parameter->mask_buffer = backend_->allocate(n, "a mask");
      parameter->masked_buffer = backend_->allocate(n, "masked weights");
      parameter->mask = parameter->mask_buffer.get();
      parameter->effective = parameter->masked_buffer.get();
    }
  }

  bool masked() const { return layer_.value("declared_masked", false); }

  void refresh_effective() {
    for (const auto& parameter : parameters_.all()) {
      if (parameter->mask == nullptr) continue;
      parameter->kept = std::count(parameter->mask, parameter->mask + parameter->tensor.count(), 1.0F);
      ++parameter->mask_version;
      backend_->multiply(parameter->masked_buffer.get(), parameter->tensor.data, parameter->mask,
                         parameter->tensor.count());
    }
  }

  // Labels, targets and shape references have no gradient (README: 'meaningless').
  bool has_gradient(const std::string& blob) const {
    const auto& bottoms = layer_.at("bottoms");
    const auto type = layer_.at("type").get<std::string>();
    const auto at = static_cast<std::size_t>(std::find(bottoms.begin(), bottoms.end(), blob) - bottoms.begin());
    static const std::vector<std::string> kLabelled{"SoftmaxWithLoss", "SigmoidCrossEntropyLoss", "InfogainLoss",
                                                    "HingeLoss", "MultinomialLogisticLoss", "Crop"};
    if (std::find(kLabelled.begin(), kLabelled.end(), type) != kLabelled.end()) return at == 0;
    return type != "ContrastiveLoss" || at < 2;
  }

  float* blob_memory(const std::string& name, bool diff, std::size_t count) {
    Tensor* tensor = net_->blob(name);
    REQUIRE(tensor != nullptr);
    REQUIRE(static_cast<std::size_t>(tensor->count()) == count);
    float* memory = diff ? tensor->diff : tensor->data;
    REQUIRE(memory != nullptr);
    return memory;
  }

  void put(const std::string& role, bool diff) {
    for (const Array& array : arrays_) {
      if (array.role != role) continue;
      copy_in(array, blob_memory(array.name, diff, array.values.size()));
    }
  }

  // Where a parameter blob of the case lives here: data, diff, or the mask of slot - 2.
  float* parameter_memory(int slot, bool diff, std::size_t count) {
    if (masked() && slot >= 2) {
      if (diff) return nullptr;
      Parameter* parameter = parameters_.find("l", slot - 2);
      REQUIRE(parameter != nullptr);
      return parameter->mask;
    }
    Parameter* parameter = parameters_.find("l", slot);
    REQUIRE(parameter != nullptr);
    REQUIRE(static_cast<std::size_t>(parameter->tensor.count()) == count);
    return diff ? parameter->tensor.diff : parameter->tensor.data;
  }

  void put_parameters(const std::string& role, bool diff) {
    for (const Array& array : arrays_) {
      if (array.role != role) continue;
      float* memory = parameter_memory(std::stoi(array.name), diff, array.values.size());
      if (memory != nullptr) copy_in(array, memory);
    }
  }

  void compare_blobs(const std::string& role, bool diff) {
    for (const Array& array : arrays_) {
      if (array.role != role || (role == "input_diff" && !has_gradient(array.name))) continue;
      compare(array, blob_memory(array.name, diff, array.values.size()));
    }
  }

  void compare_parameters(const std::string& role, bool diff) {
    for (const Array& array : arrays_) {
      if (array.role != role) continue;
      const float* memory = parameter_memory(std::stoi(array.name), diff, array.values.size());
      if (memory != nullptr) compare(array, memory);
    }
  }

  void copy_in(const Array& array, float* memory) {
    backend_->copy_in(memory, array.values.data(), static_cast<std::int64_t>(array.values.size()));
  }

  void compare(const Array& expected, const float* memory) {
    std::vector<float> actual(expected.values.size());
    backend_->copy_out(actual.data(), memory, static_cast<std::int64_t>(actual.size()));
    double largest = 1;
    double worst = 0;
    std::size_t at = 0;
    for (std::size_t i = 0; i < expected.values.size(); ++i) {
      largest = std::max(largest, std::fabs(static_cast<double>(expected.values[i])));
      const double error = std::fabs(static_cast<double>(expected.values[i]) - actual[i]);
      if (!(error <= worst)) {
        worst = std::isnan(error) ? INFINITY : error;
        at = i;
      }
    }
    const bool close = worst <= 1e-5 * largest;
    CHECK_MESSAGE(close, expected.role, " '", expected.name, "' differs by ", worst, " at ", at, ": ", actual[at],
                  " where Caffe has ", expected.values[at]);
  }

  json meta_;
  json graph_;
  json layer_;
  std::vector<Array> arrays_;
  std::unique_ptr<Backend> backend_ = test::make_test_backend();
  ParameterStore parameters_;
  Random random_{1};
  std::unique_ptr<Net> net_;
};

}  // namespace

TEST_CASE("layers agree with Caffe") {
  const fs::path folder = fs::absolute(golden_dir());
  const fs::path descriptions = environment("GOLDEN_DESCRIPTIONS", (folder / "descriptions.json").string());
  const std::string filter = environment("GOLDEN_FILTER", "");
  INFO("descriptions: ", descriptions.string());
  REQUIRE(fs::exists(descriptions));
  const json graphs = json::parse(std::ifstream(descriptions));
  fs::current_path(folder);  // InfogainLoss's matrix is named relative to the folder
  int cases = 0;
  for (const auto& [name, graph] : graphs.items()) {
    if (name.find(filter) == std::string::npos) continue;
    ++cases;
    CAPTURE(name);
    try {
      Case(folder, name, graph).run();
    } catch (const Error& error) {
      FAIL_CHECK(std::string(error.what()));
    }
  }
  MESSAGE(cases, " cases");
  CHECK(cases > 0);
}

}  // namespace olmp
