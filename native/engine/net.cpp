#include "engine/net.h"

#include <algorithm>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "engine/denormals.h"
#include "engine/error.h"
#include "engine/net_builder.h"

namespace olmp {
namespace {

// The helper threads of the calling thread keep the setting for good: they belong to this session alone.
void flush_denormals_on_helpers() {
#if defined(_OPENMP) && defined(OLMP_HAS_MXCSR)
#pragma omp parallel
  if (omp_get_thread_num() != 0) _mm_setcsr(_mm_getcsr() | 0x8040U);
#endif
}

}  // namespace

Net::Net(const nlohmann::json& graph, Backend& backend, ParameterStore& parameters, Random& random,
         std::uint64_t data_seed, int threads, bool gradients)
    : graph_(graph), backend_(&backend), random_(&random) {
  flush_denormals_on_helpers();
  try {
    phase_ = graph_.at("phase").get<std::string>() == "TRAIN" ? Phase::kTrain : Phase::kTest;
    Builder(*this, parameters, random, data_seed, threads, gradients).build();
  } catch (const nlohmann::json::exception& error) {
    throw Error("invalid-net", std::string("The description of the net is incomplete: ") + error.what());
  }
}

Net::~Net() = default;

void Net::load_batches() {
  for (const DataLayer& layer : data_layers_) {
    const auto room = [this](Tensor* top) {
      return top == nullptr ? nullptr : backend_->begin_upload(top->data, top->count());
    };
    layer.source->next(room(layer.data), room(layer.labels));
    backend_->end_upload(layer.data->data);
    if (layer.labels != nullptr) backend_->end_upload(layer.labels->data);
  }
  for (const DummyTop& dummy : dummy_tops_) {
    olmp::fill(dummy.filler, dummy.top->shape, *random_, scratch_.data());
    backend_->copy_in(dummy.top->data, scratch_.data(), dummy.top->count());
  }
  batch_loaded_ = true;
}

void Net::remember_parts(int parts) {
  parts_ = parts;
  for (std::size_t i = 0; i < data_layers_.size(); ++i) {
    DataLayer& layer = data_layers_[i];
    const std::int64_t labels = layer.labels == nullptr ? 0 : layer.labels->count();
    auto remembering = std::make_unique<RecentSource>(std::move(sources_[i]), static_cast<std::size_t>(parts),
                                                      layer.data->count(), labels);
    layer.source = layer.recent = remembering.get();
    sources_[i] = std::move(remembering);
  }
}

void Net::load_part(int part) {
  for (const DataLayer& layer : data_layers_) {
    const RecentSource::Batch& batch = layer.recent->recent().at(static_cast<std::size_t>(part));
    const auto load = [this](Tensor& top, const std::vector<float>& values) {
      std::copy(values.begin(), values.end(), backend_->begin_upload(top.data, top.count()));
      backend_->end_upload(top.data);
    };
    load(*layer.data, batch.data);
    if (layer.labels != nullptr) load(*layer.labels, batch.labels);
  }
}

std::vector<float> Net::parts_of(const Tensor& top) const {
  std::vector<float> values;
  for (const DataLayer& layer : data_layers_) {
    if (layer.recent == nullptr || (layer.data != &top && layer.labels != &top)) continue;
    for (const RecentSource::Batch& batch : layer.recent->recent()) {
      const std::vector<float>& part = layer.data == &top ? batch.data : batch.labels;
      values.insert(values.end(), part.begin(), part.end());
    }
  }
  return values;
}

void Net::set_parts_of(const Tensor& top, const std::vector<float>& values) {
  for (const DataLayer& layer : data_layers_) {
    if (layer.recent == nullptr || (layer.data != &top && layer.labels != &top)) continue;
    std::deque<RecentSource::Batch> batches = layer.recent->recent();
    batches.resize(static_cast<std::size_t>(parts_));
    const auto size = static_cast<std::ptrdiff_t>(top.count());
    for (int part = 0; part < parts_; ++part) {
      auto& to = layer.data == &top ? batches[static_cast<std::size_t>(part)].data : batches[static_cast<std::size_t>(part)].labels;
      to.assign(values.begin() + part * size, values.begin() + (part + 1) * size);
    }
    layer.recent->set_recent(std::move(batches));
  }
}

double Net::forward(bool advance, bool keep_blobs) {
  const FlushDenormals guard;
  prepare_forward(advance, keep_blobs);
  const bool fused = !keep_blobs && fused_ != nullptr && fused_->suits();
  if (fused != fused_pass_) set_kept(!fused);
  fused_pass_ = fused;
  if (fused) fused_->forward();
  const double total = run_from(fused ? steps_.size() : 0);
  versions_.clear();
  if (keep_blobs) versions_ = mask_versions();
  return total;
}

double Net::run_from(std::size_t first) {
  double total = 0;
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    if (s >= first && steps_[s].layer != nullptr) steps_[s].layer->forward();
    for (const Loss& loss : steps_[s].losses) total += loss.weight * sum(*loss.top);
  }
  return total;
}

std::vector<std::uint64_t> Net::mask_versions() const {
  std::vector<std::uint64_t> versions;
  for (const Step& step : steps_) {
    for (const Parameter* parameter : step.parameters) versions.push_back(parameter->mask_version);
  }
  return versions;
}

double Net::forward_again() {
  if (versions_.empty()) return forward(false);
  const FlushDenormals guard;
  std::size_t first = steps_.size();
  auto version = versions_.begin();
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    for (const Parameter* parameter : steps_[s].parameters) {
      if (*version++ != parameter->mask_version) first = std::min(first, steps_[s].restart);
    }
  }
  versions_ = mask_versions();
  return run_from(first);
}

void Net::prepare_forward(bool advance, bool keep_blobs) {
  keep_blobs_ = keep_blobs;
  if (advance || !batch_loaded_) load_batches();
  backend_->begin_pass(*random_);
  for (const auto& layer : layers_) layer->begin_pass();
}

void Net::run_forward() {
  for (const Step& step : steps_) {
    if (step.layer != nullptr) step.layer->forward();
  }
}

std::vector<StepQueue::Measure> Net::measures(double factor) const {
  std::vector<StepQueue::Measure> measures;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const std::int64_t n = outputs_[i]->count();
    measures.push_back({outputs_[i]->data, n, factor / static_cast<double>(n), i});
  }
  for (const Step& step : steps_) {
    for (const Loss& loss : step.losses) {
      measures.push_back({loss.top->data, loss.top->count(), factor * loss.weight, outputs_.size()});
    }
  }
  return measures;
}

void Net::set_kept(bool kept) {
  for (Tensor* tensor : between_) tensor->kept = kept;
}

void Net::backward() {
  const FlushDenormals guard;
  if (fused_pass_) return fused_->backward();
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    if (step->backward) {
      const bool made = step->layer != nullptr && step->layer->has_made_gradient();
      for (const Loss& loss : step->losses) {
        if (!made) backend_->fill(loss.top->diff, loss.weight, loss.top->count());
      }
    }
    for (const Sum& sum : step->sums) {
      for (const float* source : sum.sources) backend_->add(sum.to->diff, source, sum.to->count());
    }
    if (step->backward && step->layer != nullptr) step->layer->backward();
  }
}

Tensor* Net::blob(const std::string& name) const {
  const auto found = blobs_.find(name);
  return found == blobs_.end() ? nullptr : found->second;
}

double Net::sum(const Tensor& tensor) const {
  backend_->copy_out(scratch_.data(), tensor.data, tensor.count());
  double total = 0;
  for (std::int64_t i = 0; i < tensor.count(); ++i) total += scratch_[static_cast<std::size_t>(i)];
  return total;
}

double Net::output(std::size_t index) const {
  const Tensor& tensor = *outputs_.at(index);
  return sum(tensor) / static_cast<double>(tensor.count());
}

std::int64_t Net::memory_bytes() const {
  std::int64_t bytes = 0;
  for (const auto& tensor : tensors_) {
    const std::int64_t size = tensor->count() * static_cast<std::int64_t>(sizeof(float));
    if (tensor->data_buffer != nullptr) bytes += size;
    if (tensor->diff_buffer != nullptr) bytes += size;
  }
  for (const auto& layer : layers_) bytes += layer->workspace_bytes();
  if (fused_) bytes += fused_->memory_bytes();
  return bytes;
}

}  // namespace olmp
