#include "test/gradient_cases.h"

namespace olmp {
namespace {

using nlohmann::json;
using Sizes = std::vector<int>;

json convolution(int outputs, const Sizes& kernel, const Sizes& stride, const Sizes& pad, const Sizes& dilation, int group,
                 bool bias) {
  return {{"num_output", outputs}, {"bias_term", bias}, {"kernel_size", kernel}, {"stride", stride},
          {"pad", pad},            {"dilation", dilation}, {"group", group},     {"axis", 1}};
}

json pooling(const std::string& method, const Sizes& kernel, const Sizes& stride, const Sizes& pad,
             const std::string& round = "CEIL") {
  return {{"pool", method}, {"kernel_size", kernel}, {"stride", stride},
          {"pad", pad},     {"global_pooling", false}, {"round_mode", round}};
}

json lrn(int size, double alpha, double beta, double k, const std::string& region) {
  return {{"local_size", size}, {"alpha", alpha}, {"beta", beta}, {"k", k}, {"norm_region", region}};
}

float index_value(std::size_t bottom, std::size_t index) {
  return bottom == 0 ? static_cast<float>((index * 3) % 5) : 0.0F;
}

void add_products(std::vector<GradientCase>& cases) {
  const Sizes one{1, 1};
  const Sizes none{0, 0};
  cases.push_back({"convolution 3x3", "Convolution", convolution(4, {3, 3}, one, none, one, 1, true), {{2, 3, 5, 6}},
                   {{2, 4, 3, 4}}, {{4, 3, 3, 3}, {4}}});
  cases.push_back({"convolution, groups, stride and padding", "Convolution",
                   convolution(4, {3, 2}, {2, 1}, {1, 1}, one, 2, true), {{2, 4, 5, 4}}, {{2, 4, 3, 5}},
                   {{4, 2, 3, 2}, {4}}});
  cases.push_back({"convolution, dilated, no bias", "Convolution", convolution(3, {3, 3}, one, {2, 1}, {2, 2}, 1, false),
                   {{1, 2, 6, 7}}, {{1, 3, 6, 5}}, {{3, 2, 3, 3}}});
  cases.push_back({"convolution 1x1", "Convolution", convolution(3, one, one, none, one, 1, true), {{2, 4, 3, 3}},
                   {{2, 3, 3, 3}}, {{3, 4, 1, 1}, {3}}});
  cases.push_back({"convolution over three axes", "Convolution",
                   convolution(2, {2, 2, 3}, {1, 2, 1}, {0, 1, 1}, {1, 1, 1}, 1, true), {{2, 2, 3, 4, 3}},
                   {{2, 2, 2, 3, 3}}, {{2, 2, 2, 2, 3}, {2}}});
  cases.push_back({"convolution over one axis", "Convolution", convolution(3, {3}, {2}, {1}, {1}, 1, true), {{2, 2, 7}},
                   {{2, 3, 4}}, {{3, 2, 3}, {3}}});
  cases.push_back({"convolution of two bottoms", "Convolution", convolution(2, {2, 2}, one, none, one, 1, true),
                   {{2, 2, 3, 3}, {2, 2, 3, 3}}, {{2, 2, 2, 2}, {2, 2, 2, 2}}, {{2, 2, 2, 2}, {2}}});
  cases.push_back({"deconvolution", "Deconvolution", convolution(3, {3, 3}, {2, 2}, {1, 1}, one, 1, true),
                   {{2, 2, 3, 4}}, {{2, 3, 5, 7}}, {{2, 3, 3, 3}, {3}}});
  cases.push_back({"deconvolution, groups", "Deconvolution", convolution(4, {2, 2}, {2, 2}, none, one, 2, false),
                   {{1, 2, 3, 3}}, {{1, 4, 6, 6}}, {{2, 2, 2, 2}}});
  const auto product = [](bool bias, bool transpose) {
    return json{{"num_output", 4}, {"bias_term", bias}, {"axis", 1}, {"transpose", transpose}};
  };
  cases.push_back({"inner product", "InnerProduct", product(true, false), {{3, 2, 5}}, {{3, 4}}, {{4, 10}, {4}}});
  cases.push_back({"inner product, transposed", "InnerProduct", product(true, true), {{3, 10}}, {{3, 4}}, {{10, 4}, {4}}});
  cases.push_back({"inner product, no bias", "InnerProduct", product(false, false), {{1, 7}}, {{1, 4}}, {{4, 7}}});
  cases.push_back({"embed", "Embed", {{"num_output", 3}, {"input_dim", 5}, {"bias_term", true}}, {{4}}, {{4, 3}},
                   {{5, 3}, {3}}, {}, -1, 1, index_value});
  cases.push_back({"im2col", "Im2col", {{"kernel_size", {3, 2}}, {"stride", {2, 1}}, {"pad", {1, 0}}, {"dilation", one},
                   {"axis", 1}}, {{2, 2, 5, 4}}, {{2, 12, 3, 3}}});
}

void add_poolings(std::vector<GradientCase>& cases) {
  const Sizes two{2, 2};
  const Sizes three{3, 3};
  const Sizes none{0, 0};
  for (const char* method : {"MAX", "AVE"}) {
    const std::string name = method;
    cases.push_back({name + " pooling 2x2", "Pooling", pooling(method, two, two, none), {{2, 2, 4, 6}}, {{2, 2, 2, 3}}});
    cases.push_back({name + " pooling 2x2, odd", "Pooling", pooling(method, two, two, none), {{1, 2, 5, 7}},
                     {{1, 2, 3, 4}}});
    cases.push_back({name + " pooling 3x3 by 2, padded", "Pooling", pooling(method, three, two, {1, 1}), {{1, 2, 5, 6}},
                     {{1, 2, 3, 4}}});
    cases.push_back({name + " pooling, rounded down", "Pooling", pooling(method, three, two, none, "FLOOR"),
                     {{1, 2, 6, 6}}, {{1, 2, 2, 2}}});
    cases.push_back({name + " pyramid", "SPP", {{"pyramid_height", 3}, {"pool", method}}, {{1, 2, 6, 7}}, {{1, 42}}});
  }
  GradientCase stochastic{"stochastic pooling", "Pooling", pooling("STOCHASTIC", two, two, none), {{2, 2, 4, 4}},
                          {{2, 2, 2, 2}}};
  stochastic.low = 0.5F;
  stochastic.high = 0.6F;
  stochastic.step = 2e-4;  // small enough that no draw falls on another element
  stochastic.tolerance = 2e-2;
  cases.push_back(stochastic);
  stochastic.name = "stochastic pooling, test phase";
  stochastic.phase = "TEST";
  cases.push_back(stochastic);
}

void add_normalisations(std::vector<GradientCase>& cases) {
  cases.push_back({"LRN across channels", "LRN", lrn(3, 1.5, 0.75, 1, "ACROSS_CHANNELS"), {{2, 5, 2, 3}}, {{2, 5, 2, 3}}});
  cases.push_back({"LRN across channels, k and beta", "LRN", lrn(5, 2, 0.6, 2, "ACROSS_CHANNELS"), {{1, 4, 2, 3}},
                   {{1, 4, 2, 3}}});
  cases.push_back({"LRN within a channel", "LRN", lrn(3, 1.5, 0.75, 1, "WITHIN_CHANNEL"), {{1, 2, 4, 5}},
                   {{1, 2, 4, 5}}});
  const auto norm = [](bool global) {
    return json{{"use_global_stats", global}, {"moving_average_fraction", 0.9}, {"eps", 1e-5}};
  };
  GradientCase batch{"batch norm", "BatchNorm", norm(false), {{3, 2, 2, 3}}, {{3, 2, 2, 3}}, {{2}, {2}, {1}}};
  batch.low = 0.5F;  // running variances are positive
  batch.high = 2;
  cases.push_back(batch);
  batch.name = "batch norm in place";
  batch.in_place = true;
  cases.push_back(batch);
  batch.name = "batch norm by running statistics";
  batch.params = norm(true);
  batch.phase = "TEST";
  cases.push_back(batch);

  const auto scale = [](int axis, int axes, bool bias) {
    return json{{"axis", axis}, {"num_axes", axes}, {"bias_term", bias}};
  };
  cases.push_back({"scale", "Scale", scale(1, 1, true), {{2, 3, 2, 2}}, {{2, 3, 2, 2}}, {{3}, {3}}});
  cases.push_back({"scale by a blob", "Scale", scale(1, 2, false), {{2, 3, 4}, {3, 4}}, {{2, 3, 4}}});
  GradientCase in_place{"scale in place", "Scale", scale(0, 2, false), {{2, 3, 4}}, {{2, 3, 4}}, {{2, 3}}};
  in_place.in_place = true;
  cases.push_back(in_place);
  const json bias{{"axis", 1}, {"num_axes", 1}};
  cases.push_back({"bias", "Bias", bias, {{2, 3, 4}}, {{2, 3, 4}}, {{3}}});
  cases.push_back({"bias by a blob", "Bias", bias, {{2, 3, 4}, {3}}, {{2, 3, 4}}});
  cases.push_back({"PReLU", "PReLU", {{"channel_shared", false}}, {{2, 3, 4}}, {{2, 3, 4}}, {{3}}});
  GradientCase shared{"PReLU, shared slope, in place", "PReLU", {{"channel_shared", true}}, {{2, 3, 4}}, {{2, 3, 4}}, {{}}};
  shared.in_place = true;
  cases.push_back(shared);
}

}  // namespace

void add_heavy_gradient_cases(std::vector<GradientCase>& cases) {
  add_products(cases);
  add_poolings(cases);
  add_normalisations(cases);
}

}  // namespace olmp
