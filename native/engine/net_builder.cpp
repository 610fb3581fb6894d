#include "engine/net_builder.h"

#include <algorithm>

#include "engine/error.h"

namespace olmp {
namespace {

using nlohmann::json;

}  // namespace

Net::Builder::Builder(Net& net, ParameterStore& parameters, Random& random, std::uint64_t data_seed, int threads,
                      bool gradients)
    : net_(net),
      parameters_(parameters),
      random_(random),
      data_seed_(data_seed),
      threads_(threads),
      plan_(plan_net(net.graph_, gradients)),
      versions_(plan_.versions.size(), nullptr),
      bottoms_(plan_.layers.size()),
      extra_diffs_(plan_.versions.size()),
      layers_(plan_.layers.size(), nullptr),
      step_parameters_(plan_.layers.size()),
      gradients_(gradients) {}

void Net::Builder::build() {
  for (std::size_t l = 0; l < plan_.layers.size(); ++l) {
    const auto type = description(l).at("type").get<std::string>();
    connect_bottoms(l);
    make_tops(l);
    if (type == "Data") {
      open_source(l);
    } else if (type == "DummyData") {
      fill_dummy(l);
    } else if (!is_source(type)) {
      make_layer(l);
    }
  }
  for (std::size_t l = 0; l < plan_.layers.size(); ++l) add_step(l);
  fuse();
  for (const std::size_t output : plan_.outputs) {
    net_.outputs_.push_back(versions_[output]);
    net_.output_names_.push_back(plan_.versions[output].name);
  }
  std::int64_t largest = 1;
  for (const Tensor* output : net_.outputs_) largest = std::max(largest, output->count());
  for (const DummyTop& dummy : net_.dummy_tops_) largest = std::max(largest, dummy.top->count());
  for (const Step& step : net_.steps_) {
    for (const Loss& loss : step.losses) largest = std::max(largest, loss.top->count());
  }
  net_.scratch_.resize(static_cast<std::size_t>(largest));
}

const json& Net::Builder::description(std::size_t layer) const { return net_.graph_.at("layers")[layer]; }

bool Net::Builder::wants_diff(std::size_t version) const {
  return plan_.layers[plan_.versions[version].layer].backward || !plan_.gradient_readers(version).empty();
}

Tensor* Net::Builder::add_tensor(const std::string& name, const Shape& shape) {
  net_.tensors_.push_back(std::make_unique<Tensor>());
  Tensor* tensor = net_.tensors_.back().get();
  tensor->name = name;
  tensor->shape = shape;
  return tensor;
}

void Net::Builder::own_data(Tensor& tensor) {
  tensor.data_buffer = net_.backend_->allocate(tensor.count(), "blob '" + tensor.name + "'");
  tensor.data = tensor.data_buffer.get();
}

void Net::Builder::own_diff(Tensor& tensor) {
  tensor.diff_buffer = net_.backend_->allocate(tensor.count(), "the gradient of blob '" + tensor.name + "'");
  tensor.diff = tensor.diff_buffer.get();
}

void Net::Builder::connect_bottoms(std::size_t layer) {
  const LayerPlan& planned = plan_.layers[layer];
  for (std::size_t b = 0; b < planned.bottoms.size(); ++b) {
    const std::size_t version = planned.bottoms[b];
    Tensor* tensor = versions_[version];
    if (planned.backward && planned.propagate_down[b]) {
      // Readers write their gradients, they do not add: each but the first needs room of its own. The first may write
      // into the blob's own diff, as the backward pass reaches it last; unless the blob's own loss weight is there.
      const BlobVersion::Reader first = plan_.gradient_readers(version).front();
      const bool is_first = first.layer == layer && first.bottom == b;
      if (!is_first || plan_.versions[version].loss_weight != 0) {
        Tensor* view = add_tensor(tensor->name, tensor->shape);
        view->data = tensor->data;
        own_diff(*view);
        extra_diffs_[version].push_back(view->diff);
        tensor = view;
      }
    }
    bottoms_[layer].push_back(tensor);
  }
}

void Net::Builder::make_tops(std::size_t layer) {
  const LayerPlan& planned = plan_.layers[layer];
  const json& described = description(layer);
  const bool reshaping = keeps_elements(described.at("type").get<std::string>());
  for (std::size_t t = 0; t < planned.tops.size(); ++t) {
    const std::size_t version = planned.tops[t];
    const BlobVersion& blob = plan_.versions[version];
    const auto shape = described.at("top_shapes")[t].get<Shape>();
    for (const int dim : shape) {
      if (dim <= 0) {
        throw Error("shape-mismatch", "Layer '" + described.at("name").get<std::string>() + "' makes blob '" + blob.name +
                                          "' with a dimension of " + std::to_string(dim) + "; all must be at least 1.");
      }
    }
    Tensor* top = add_tensor(blob.name, shape);
    // A blob that others read too keeps its numbers to itself: a layer in place on the reshaped top would change them.
    const bool shares = blob.in_place || (reshaping && plan_.versions[planned.bottoms.at(0)].readers.size() == 1);
    if (shares) {
      const Tensor& bottom = *bottoms_[layer].at(t);
      if (bottom.count() != top->count()) {
        throw Error("shape-mismatch", "Layer '" + described.at("name").get<std::string>() +
                                          "' cannot change the number of elements of blob '" + bottom.name + "'.");
      }
      top->data = bottom.data;
      if (planned.backward && planned.propagate_down[t]) top->diff = bottom.diff;
    } else {
      own_data(*top);
    }
    if (top->diff == nullptr && wants_diff(version)) own_diff(*top);
    versions_[version] = top;
    net_.blobs_[blob.name] = top;
  }
}

std::vector<Parameter*> Net::Builder::declare_parameters(const json& described, bool gradients) {
  const int prunable = is_prunable(described.at("type").get<std::string>()) ? 0 : -1;
  std::vector<Parameter*> parameters;
  for (std::size_t slot = 0; slot < described.at("parameters").size(); ++slot) {
    Parameter* parameter = parameters_.declare(*net_.backend_, described, static_cast<int>(slot), prunable);
    Tensor& tensor = parameter->tensor;
    if (gradients && tensor.diff == nullptr) own_diff(tensor);
    parameters.push_back(parameter);
  }
  return parameters;
}

void Net::Builder::make_layer(std::size_t layer) {
  const LayerPlan& planned = plan_.layers[layer];
  const json& described = description(layer);
  std::vector<Tensor*> tops;
  for (const std::size_t version : planned.tops) tops.push_back(versions_[version]);
  LayerContext context{described.at("name").get<std::string>(),
                       described.at("type").get<std::string>(),
                       described.at("params"),
                       net_.phase_,
                       bottoms_[layer],
                       tops,
                       declare_parameters(described, planned.parameter_gradients),
                       described.at("loss_weights").get<std::vector<float>>(),
                       planned.propagate_down,
                       planned.parameter_gradients,
                       &random_,
                       threads_};
  context.loss_weights.resize(tops.size(), 0.0F);
  context.starts_from_loss_weights = true;
  context.maxima = maxima_of(layer);
  step_parameters_[layer] = context.parameters;
  context.rectifier = rectifier_of(layer);
  contexts_.push_back(context);
  net_.layers_.push_back(net_.backend_->make_layer(std::move(context)));
  layers_[layer] = net_.layers_.back().get();
}

FusedMaxima* Net::Builder::maxima_of(std::size_t layer) {
  const auto known = maxima_.find(layer);
  if (known != maxima_.end()) {
    known->second->top = versions_[plan_.layers[layer].tops[0]];
    return known->second;
  }
  const auto reader = maxima_reader(net_.graph_, plan_, layer);
  if (!reader) return nullptr;
  net_.maxima_.push_back(std::unique_ptr<FusedMaxima>(new FusedMaxima{net_.keep_blobs_}));
  return maxima_[*reader] = net_.maxima_.back().get();
}

FusedRectifier* Net::Builder::rectifier_of(std::size_t layer) {
  const auto known = rectifiers_.find(layer);
  if (known != rectifiers_.end()) return known->second;
  const auto reader = rectifying_reader(net_.graph_, plan_, layer);
  if (!reader) return nullptr;
  net_.rectifiers_.push_back(std::make_unique<FusedRectifier>());
  net_.rectifiers_.back()->negative_slope = description(*reader).at("params").at("negative_slope").get<float>();
  return rectifiers_[*reader] = net_.rectifiers_.back().get();
}

void Net::Builder::open_source(std::size_t layer) {
  const LayerPlan& planned = plan_.layers[layer];
  const json& described = description(layer);
  const auto name = described.at("name").get<std::string>();
  if (planned.tops.empty() || planned.tops.size() > 2) {
    throw Error("invalid-net", "Data layer '" + name + "' needs one top for the data and may have one for the labels.");
  }
  // Sources of one net read different random numbers.
  auto source = open_data_source(described.at("params"), net_.phase_ == Phase::kTrain, data_seed_ + net_.sources_.size());
  Shape expected = source->item_shape();
  expected.insert(expected.begin(), described.at("params").at("batch_size").get<int>());
  Tensor* data = versions_[planned.tops[0]];
  Tensor* labels = planned.tops.size() == 2 ? versions_[planned.tops[1]] : nullptr;
  if (data->shape != expected || (labels != nullptr && labels->count() != expected[0])) {
    throw Error("shape-mismatch", "The images that data layer '" + name +
                                      "' reads have another shape than the net was made for. Check the data set and the "
                                      "crop size.",
                described.at("params").at("source").get<std::string>());
  }
  net_.data_layers_.push_back({source.get(), data, labels, nullptr});
  net_.sources_.push_back(std::move(source));
}

// Caffe's DummyDataLayer: one filler for all tops or one each; constants are filled once, the rest for every batch.
void Net::Builder::fill_dummy(std::size_t layer) {
  const auto fillers = description(layer).at("params").at("fillers").get<std::vector<Filler>>();
  const std::vector<std::size_t>& tops = plan_.layers[layer].tops;
  if (fillers.size() > 1 && fillers.size() != tops.size()) {
    throw Error("invalid-net", "DummyData layer '" + description(layer).at("name").get<std::string>() +
                                   "' needs one filler, or one for each of its tops.");
  }
  for (std::size_t t = 0; t < tops.size(); ++t) {
    Tensor* top = versions_[tops[t]];
    const Filler filler = fillers.empty() ? Filler{} : fillers[fillers.size() == 1 ? 0 : t];
    if (filler.type == "constant") {
      net_.backend_->fill(top->data, filler.value, top->count());
    } else {
      net_.dummy_tops_.push_back({top, filler});
    }
  }
}

void Net::Builder::fuse() {
  net_.fused_ = net_.backend_->fuse(contexts_, gradients_);
  if (!net_.fused_) return;
  for (const LayerContext& context : contexts_) {
    for (Tensor* top : context.tops) {
      const bool output = std::any_of(plan_.outputs.begin(), plan_.outputs.end(),
                                      [&](std::size_t version) { return versions_[version] == top; });
      if (!output) net_.between_.push_back(top);
    }
  }
}

void Net::Builder::add_step(std::size_t layer) {
  Step step;
  step.layer = layers_[layer];
  step.backward = plan_.layers[layer].backward;
  step.restart = plan_.restart(layer);
  step.parameters.assign(step_parameters_[layer].begin(), step_parameters_[layer].end());
  for (const std::size_t version : plan_.layers[layer].tops) {
    const float weight = plan_.versions[version].loss_weight;
    if (weight != 0) step.losses.push_back({versions_[version], weight});
    if (!extra_diffs_[version].empty()) step.sums.push_back({versions_[version], extra_diffs_[version]});
  }
  net_.steps_.push_back(std::move(step));
}

}  // namespace olmp
