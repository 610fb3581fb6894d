#include "test/gradient_cases.h"

namespace olmp {
namespace {

using nlohmann::json;

// Evenly spaced in (low, high) and mixed by a stride coprime to n, for cases that must set labels themselves.
float spread(std::size_t index, std::size_t n, float low, float high) {
  return low + (static_cast<float>(index * 7 % n) + 0.5F) * (high - low) / static_cast<float>(n);
}

float label(std::size_t index, std::size_t classes) { return static_cast<float>((index * 2 + 1) % classes); }

void add_neurons(std::vector<GradientCase>& cases) {
  const Shape shape{2, 3, 2, 5};
  const auto add = [&](const std::string& name, const std::string& type, const json& params) {
    cases.push_back({name, type, params, {shape}, {shape}});
    cases.push_back({name + ", in place", type, params, {shape}, {shape}});
    cases.back().in_place = true;
  };
  add("relu", "ReLU", {{"negative_slope", 0}});
  add("leaky relu", "ReLU", {{"negative_slope", 0.1}});
  add("relu of negative slope", "ReLU", {{"negative_slope", -0.5}});
  add("elu", "ELU", {{"alpha", 0.7}});
  add("sigmoid", "Sigmoid", json::object());
  add("tanh", "TanH", json::object());
  add("absolute value", "AbsVal", json::object());
  add("bnll", "BNLL", json::object());
  add("power 1", "Power", {{"power", 1}, {"scale", -2}, {"shift", 1}});
  add("power 2", "Power", {{"power", 2}, {"scale", 0.5}, {"shift", 1}});
  add("power 3 through zero", "Power", {{"power", 3}, {"scale", 1.5}, {"shift", 0}});
  add("square root", "Power", {{"power", 0.5}, {"scale", 1}, {"shift", 2}});
  add("power of scale 0", "Power", {{"power", 2}, {"scale", 0}, {"shift", 3}});
  add("exponential", "Exp", {{"base", -1}, {"scale", 1}, {"shift", 0}});
  add("exponential of base 2", "Exp", {{"base", 2}, {"scale", 0.5}, {"shift", 1}});
  add("logarithm", "Log", {{"base", -1}, {"scale", 1}, {"shift", 2}});
  add("logarithm of base 10", "Log", {{"base", 10}, {"scale", -2}, {"shift", 3.5}});
  add("swish", "Swish", {{"beta", 1.5}});
  // Bounds halfway between two of the sixty values.
  add("clip", "Clip", {{"min", -0.5}, {"max", 0.7}});
  add("dropout", "Dropout", {{"dropout_ratio", 0.4}});
  cases.push_back({"dropout in TEST", "Dropout", {{"dropout_ratio", 0.4}}, {shape}, {shape}});
  cases.back().phase = "TEST";
}

void add_shapes(std::vector<GradientCase>& cases) {
  cases.push_back({"concat over channels", "Concat", {{"axis", 1}}, {{2, 3, 2}, {2, 1, 2}, {2, 2, 2}}, {{2, 6, 2}}});
  cases.push_back({"concat over items", "Concat", {{"axis", 0}}, {{2, 3}, {1, 3}}, {{3, 3}}});
  cases.push_back({"concat of one", "Concat", {{"axis", 1}}, {{2, 3}}, {{2, 3}}});
  cases.push_back({"slice", "Slice", {{"axis", 1}, {"slice_point", {1, 4}}}, {{2, 6, 3}},
                   {{2, 1, 3}, {2, 3, 3}, {2, 2, 3}}});
  cases.push_back({"slice of items", "Slice", {{"axis", 0}, {"slice_point", {1}}}, {{3, 4}}, {{1, 4}, {2, 4}}});
  cases.push_back({"split", "Split", json::object(), {{2, 5}}, {{2, 5}, {2, 5}, {2, 5}}});
  cases.push_back({"flatten", "Flatten", {{"axis", 1}, {"end_axis", 3}}, {{2, 3, 2, 2}}, {{2, 12}}});
  cases.push_back({"reshape", "Reshape", json::object(), {{2, 3, 4}}, {{2, 6, 2}}});
  cases.push_back({"tile", "Tile", {{"axis", 1}, {"tiles", 3}}, {{2, 3, 4}}, {{2, 9, 4}}});
  cases.push_back({"crop", "Crop", {{"axis", 2}, {"offset", {1, 2}}}, {{2, 2, 5, 6}, {2, 2, 3, 4}}, {{2, 2, 3, 4}}});
  cases.push_back({"crop of all axes", "Crop", {{"axis", 0}, {"offset", {1, 0, 1}}}, {{3, 2, 4}, {1, 2, 2}},
                   {{1, 2, 2}}});
  for (const char* operation : {"SUM", "ASUM", "SUMSQ", "MEAN"}) {
    const std::string name = operation;
    const json rows{{"operation", operation}, {"axis", 1}, {"coeff", 1.5}};
    cases.push_back({"reduction, " + name, "Reduction", rows, {{3, 4, 2}}, {{3}}});
    const json all{{"operation", operation}, {"axis", 0}, {"coeff", 1}};
    cases.push_back({"reduction to a scalar, " + name, "Reduction", all, {{3, 4}}, {{}}});
  }
}

void add_combinations(std::vector<GradientCase>& cases) {
  const Shape shape{2, 3, 4};
  // Bottoms never closer than 0.02 at any index, and never tied.
  const auto untied = [](std::size_t bottom, std::size_t index) {
    return spread(index + 5 * bottom, 24, -1, 1) + 0.02F * static_cast<float>(bottom);
  };
  const auto add = [&](const std::string& name, const json& params, std::size_t bottoms) {
    for (const bool in_place : {false, true}) {
      cases.push_back({name + (in_place ? ", in place" : ""), "Eltwise", params, std::vector<Shape>(bottoms, shape),
                       {shape}, {}, {}, -1, 1, untied});
      cases.back().in_place = in_place;
    }
  };
  add("sum", {{"operation", "SUM"}, {"coeff", json::array()}}, 3);
  add("weighted sum", {{"operation", "SUM"}, {"coeff", {0.5, -2}}}, 2);
  add("product of two", {{"operation", "PROD"}, {"coeff", json::array()}}, 2);
  add("product of three", {{"operation", "PROD"}, {"coeff", json::array()}}, 3);
  add("maximum of two", {{"operation", "MAX"}, {"coeff", json::array()}}, 2);
  add("maximum of three", {{"operation", "MAX"}, {"coeff", json::array()}}, 3);

  for (const bool variance : {true, false}) {
    for (const bool across : {true, false}) {
      const json params{{"normalize_variance", variance}, {"across_channels", across}, {"eps", 1e-9}};
      cases.push_back({"mvn " + params.dump(), "MVN", params, {{2, 3, 4, 2}}, {{2, 3, 4, 2}}});
    }
  }
  cases.push_back({"softmax", "Softmax", {{"axis", 1}}, {{4, 7}}, {{4, 7}}});
  cases.push_back({"softmax over channels of an image", "Softmax", {{"axis", 1}}, {{2, 5, 3, 2}}, {{2, 5, 3, 2}}});
  cases.push_back({"softmax over an inner axis, in place", "Softmax", {{"axis", 2}}, {{2, 2, 5, 3}}, {{2, 2, 5, 3}}});
  cases.back().in_place = true;
}

json loss_params(const std::string& normalization, const json& ignore_label) {
  return {{"normalization", normalization}, {"ignore_label", ignore_label}, {"axis", 1}};
}

void add_classification_losses(std::vector<GradientCase>& cases) {
  const Shape scores{2, 5, 3, 2};
  const Shape labels{2, 1, 3, 2};
  const auto labelled = [](std::size_t bottom, std::size_t index) {
    return bottom == 0 ? spread(index, 60, -2, 2) : label(index, 5);
  };
  for (const char* normalization : {"FULL", "VALID", "BATCH_SIZE", "NONE"}) {
    for (const json& ignored : {json(nullptr), json(3)}) {
      const std::string name = std::string(normalization) + (ignored.is_null() ? "" : ", a label ignored");
      cases.push_back({"softmax loss, " + name, "SoftmaxWithLoss", loss_params(normalization, ignored),
                       {scores, labels}, {{}}, {}, {0.7F}, -1, 1, labelled, {0}});
    }
  }
  cases.push_back({"softmax loss with its probabilities", "SoftmaxWithLoss", loss_params("VALID", nullptr),
                   {{12, 5}, {12}}, {{}, {12, 5}}, {}, {1, 0}, -1, 1, labelled, {0}});

  json infogain = loss_params("VALID", 3);
  infogain["source"] = "";
  infogain["input"] = "LOGITS";
  const auto with_matrix = [labelled](std::size_t bottom, std::size_t index) {
    return bottom == 2 ? spread(index, 25, 0, 1) : labelled(bottom, index);
  };
  cases.push_back({"infogain loss of logits", "InfogainLoss", infogain, {scores, labels, {5, 5}}, {{}}, {}, {1.5F}, -1,
                   1, with_matrix, {0}});
  infogain["input"] = "PROBABILITIES";
  const auto probabilities = [](std::size_t bottom, std::size_t index) {
    if (bottom == 1) return label(index, 5);
    return bottom == 0 ? spread(index, 30, 0.1F, 0.9F) : spread(index, 25, 0, 1);
  };
  cases.push_back({"infogain loss of probabilities", "InfogainLoss", infogain, {{6, 5}, {6}, {5, 5}}, {{}}, {}, {1.5F},
                   -1, 1, probabilities, {0}});
  cases.push_back({"multinomial logistic loss", "MultinomialLogisticLoss", json::object(), {{6, 5}, {6}}, {{}}, {}, {1},
                   -1, 1, probabilities, {0}});

  // No score within a step of a margin at -1 or 1.
  const auto hinge = [](std::size_t bottom, std::size_t index) {
    return bottom == 0 ? spread(index, 30, -2, 2.1F) : label(index, 5);
  };
  for (const char* norm : {"L1", "L2"}) {
    cases.push_back({std::string("hinge loss, ") + norm, "HingeLoss", {{"norm", norm}}, {{6, 5}, {6}}, {{}}, {}, {2},
                     -1, 1, hinge, {0}});
  }
}

void add_regression_losses(std::vector<GradientCase>& cases) {
  cases.push_back({"euclidean loss", "EuclideanLoss", json::object(), {{3, 2, 4}, {3, 2, 4}}, {{}}, {}, {2.5F}, -1, 1,
                   {}, {0, 1}});

  const auto soft_targets = [](std::size_t bottom, std::size_t index) {
    return bottom == 0 ? spread(index, 24, -2, 2) : static_cast<float>(index % 5) * 0.25F;
  };
  for (const json& ignored : {json(nullptr), json(1)}) {
    cases.push_back({"sigmoid cross-entropy loss" + std::string(ignored.is_null() ? "" : ", a target ignored"),
                     "SigmoidCrossEntropyLoss", loss_params(ignored.is_null() ? "BATCH_SIZE" : "VALID", ignored),
                     {{4, 6}, {4, 6}}, {{}}, {}, {1}, -1, 1, soft_targets, {0}});
  }

  // Distances from 0.8 to 2, of similar and dissimilar pairs in turn.
  const auto pairs = [](std::size_t bottom, std::size_t index) {
    if (bottom == 2) return static_cast<float>(index % 2);
    return spread(index * (bottom + 1) + bottom, 25, -1, 1);
  };
  for (const bool legacy : {false, true}) {
    for (const double margin : {0.1, 9.0}) {
      const json params{{"margin", margin}, {"legacy_version", legacy}};
      cases.push_back({"contrastive loss " + params.dump(), "ContrastiveLoss", params, {{5, 5}, {5, 5}, {5}}, {{}}, {},
                       {1}, -1, 1, pairs, {0, 1}});
    }
  }
}

}  // namespace

void add_light_gradient_cases(std::vector<GradientCase>& cases) {
  add_neurons(cases);
  add_shapes(cases);
  add_combinations(cases);
  add_classification_losses(cases);
  add_regression_losses(cases);
}

}  // namespace olmp
