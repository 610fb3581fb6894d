// What a compression in cycles asks of a session beside training: scores, choices by them, a teacher.
#include <algorithm>
#include <cmath>

#include "engine/denormals.h"
#include "engine/error.h"
#include "engine/objective.h"
#include "engine/session.h"

namespace olmp {
namespace {

// A class drawn by the softmax of the logits.
std::size_t draw_class(const float* logits, std::size_t classes, Random& random) {
  const float largest = *std::max_element(logits, logits + classes);
  double sum = 0;
  for (std::size_t c = 0; c < classes; ++c) sum += std::exp(static_cast<double>(logits[c] - largest));
  double left = random.uniform() * sum;
  for (std::size_t c = 0; c + 1 < classes; ++c) {
    left -= std::exp(static_cast<double>(logits[c] - largest));
    if (left < 0) return c;
  }
  return classes - 1;
}

const nlohmann::json& data_layer(const nlohmann::json& graph) {
  for (const auto& layer : graph.at("layers")) {
    if (layer.at("type") == "Data") return layer;
  }
  throw Error("no-data", "the net has no Data layer");
}

}  // namespace

void Session::reset_history() {
  if (!solver_) throw Error("no-solver", "the session was created without a solver");
  solver_->reset_history();
}

void Session::set_weight_decay(double decay) {
  if (!solver_) throw Error("no-solver", "the session was created without a solver");
  if (!(decay >= 0)) throw Error("bad-argument", "a weight decay must not be negative");
  solver_->set_weight_decay(static_cast<float>(decay));
}

Scores& Session::scores() {
  if (!scores_) throw Error("no-scores", "nothing can be chosen before it is scored");
  return *scores_;
}

void Session::score_magnitude() {
  forget_population();
  scores_ = std::make_unique<Scores>(*backend_, *parameters_, masks_->layers());
  const auto& all = parameters_->all();
  std::vector<double> squares(masks_->layers());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Parameter& parameter = *all[i];
    if (parameter.prunable < 0) continue;
    std::vector<float>& scores = scores_->of(i);
    backend_->copy_out(scores.data(), parameter.effective, parameter.tensor.count());
    for (float& score : scores) {
      score = std::abs(score);
      squares[static_cast<std::size_t>(parameter.prunable)] += static_cast<double>(score) * score;
    }
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i]->prunable < 0) continue;
    const auto layer = static_cast<std::size_t>(all[i]->prunable);
    const KeptCounts counts = masks_->counts(layer);
    const double kept = static_cast<double>(std::max<std::int64_t>(1, counts.kept_weights + counts.kept_biases));
    const auto factor = static_cast<float>(1 / std::sqrt(std::max(squares[layer] / kept, 1e-30)));
    for (float& score : scores_->of(i)) score *= factor;
  }
  update_memory_bytes();
}

void Session::score_fisher(int batches, double damping) {
  if (!solver_) throw Error("no-solver", "the session was created without a solver");
  if (batches < 1) throw Error("bad-argument", "the Fisher information needs at least one batch");
  const FlushDenormals flush;
  const Objective goal = objective(net(Phase::kTrain).graph());
  forget_population();
  scores_ = std::make_unique<Scores>(*backend_, *parameters_, masks_->layers());
  batches *= parts_of(Phase::kTrain);
  const float taught = teacher_.weight;
  teacher_.weight = 0;
  if (StepQueue* queue = backend_->step_queue()) {
    add_squared_gradients_queued(*queue, batches);
  } else {
    add_squared_gradients(batches);
  }
  teacher_.weight = taught;
  // Gradients of a mean over the batch are those of its images over their number.
  const auto n = static_cast<double>(blob(Phase::kTrain, goal.labels).count());
  const double factor = (goal.per_image ? n * n : 1) / (n * batches);
  const auto& all = parameters_->all();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Parameter& parameter = *all[i];
    if (parameter.prunable < 0) continue;
    const double stiffness = solver_->spec().weight_decay * parameter.decay_mult + damping;
    std::vector<float>& scores = scores_->of(i);
    std::vector<float> weights(scores.size());
    backend_->copy_out(weights.data(), parameter.effective, parameter.tensor.count());
    for (std::size_t k = 0; k < scores.size(); ++k) {
      const double weight = weights[k];
      const double score = weight * weight * (factor * scores[k] + stiffness);
      scores[k] = std::isfinite(score) ? static_cast<float>(score) : 0.0F;
    }
  }
  update_memory_bytes();
}

void Session::add_squared_gradients(int batches) {
  Net& net = this->net(Phase::kTrain);
  const Objective goal = objective(net.graph());
  const auto& all = parameters_->all();
  const SquareSums sums = [&](const Parameter& parameter) -> float* {
    if (parameter.prunable < 0) return nullptr;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].get() == &parameter) return scores_->of(i).data();
    }
    return nullptr;
  };
  Tensor& labels = blob(Phase::kTrain, goal.labels);
  const Tensor& logits = blob(Phase::kTrain, goal.scores);
  const std::int64_t images = labels.count();
  const auto classes = static_cast<std::size_t>(logits.count() / images);
  std::vector<float> given(static_cast<std::size_t>(images));
  std::vector<float> drawn(given.size());
  const bool fused = net.fused() != nullptr && net.fused()->suits();
  for (int batch = 0; batch < batches; ++batch) {
    net.forward(true, !fused);
    if (fused) {
      net.fused()->add_squared_gradients(random_, sums);
      continue;
    }
    backend_->copy_out(given.data(), labels.data, images);
    for (std::size_t i = 0; i < drawn.size(); ++i) {
      drawn[i] = static_cast<float>(draw_class(logits.data + i * classes, classes, random_));
    }
    backend_->copy_in(labels.data, drawn.data(), images);
    net.forward(false);
    solver_->clear_gradients();
    net.backward();
    for (const auto& layer : net.layers()) {
      if (layer) layer->add_squared_gradients(sums);
    }
    backend_->copy_in(labels.data, given.data(), images);
  }
}

std::vector<double> Session::best_counts(std::int64_t total) {
  const std::vector<std::int64_t> counts = scores().best_counts(total);
  return {counts.begin(), counts.end()};
}

void Session::keep_best(std::int64_t total) {
  scores().keep_best(total, *masks_);
  update_memory_bytes();
}

void Session::keep_best_of_layers(const std::vector<double>& counts) {
  scores().keep_best(std::vector<std::int64_t>(counts.begin(), counts.end()), *masks_);
  update_memory_bytes();
}

void Session::hold_sample(int batches) {
  Net& net = this->net(Phase::kTrain);
  sample_.clear();
  for (int batch = 0; batch < batches * parts_of(Phase::kTrain); ++batch) {
    if (backend_->step_queue() != nullptr) {
      net.prepare_forward(true);
    } else {
      net.forward(true);
    }
    for (const std::string& name : train_inputs_) sample_.push_back(get_blob(Phase::kTrain, name, BlobPart::kData));
  }
}

void Session::compute_teacher() {
  const FlushDenormals flush;
  Net& train = this->net(Phase::kTrain);
  Net& test = this->net(Phase::kTest);
  const Objective goal = objective(train.graph());
  const nlohmann::json& layer = data_layer(train.graph());
  nlohmann::json params = layer.at("params");
  if (!params.contains("sampling") || params.at("sampling").is_null()) {
    throw Error("no-sampling", "a teacher needs sampled training data, whose items it can tell apart");
  }
  Tensor* data = test.blob(data_layer(test.graph()).at("tops").at(0));
  const Tensor* logits = test.blob(goal.scores);
  if (data == nullptr || logits == nullptr) {
    throw Error("no-teacher", "the test net has no blob '" + goal.scores + "' whose values could teach");
  }
  const std::int64_t batch = data->shape[0];
  params["sampling"]["shuffle"] = false;
  params["batch_size"] = batch;
  const auto source = open_data_source(params, false, 1);
  if (count(source->item_shape()) != data->count() / batch) {
    throw Error("no-teacher", "training and test images differ in size, so that the test net cannot teach");
  }
  const auto items = static_cast<std::int64_t>(source->entries());
  const std::int64_t classes = logits->count() / batch;
  const auto teach = [this](Net& teacher) {
    StepQueue* queue = backend_->step_queue();
    if (queue == nullptr) {
      teacher.forward(false);
    } else {
      forward_queued(*queue, teacher);
    }
  };
  teacher_table_.assign(static_cast<std::size_t>(items * classes), 0.0F);
  teacher_items_ = static_cast<std::uint64_t>(items);
  std::vector<float> values(static_cast<std::size_t>(logits->count()));
  test.set_batch_loaded(true);
  for (std::int64_t first = 0; first < items; first += batch) {
    source->next(backend_->begin_upload(data->data, data->count()), nullptr);
    backend_->end_upload(data->data);
    teach(test);
    backend_->copy_out(values.data(), logits->data, logits->count());
    const std::int64_t rows = std::min(batch, items - first);  // the last batch goes on from the beginning
    std::copy_n(values.begin(), rows * classes, teacher_table_.begin() + first * classes);
  }
  test.set_batch_loaded(false);
  const Tensor& own = blob(Phase::kTrain, goal.scores);
  if (own.count() / own.shape[0] != classes) throw Error("no-teacher", "training and test net differ in their classes");
  teacher_.logits.assign(static_cast<std::size_t>(own.count()), 0.0F);
  if (backend_->step_queue() != nullptr && !teacher_.on_device) {  // recorded steps refer to it
    teacher_.on_device = backend_->allocate(own.count(), "the teacher's logits");
  }
  for (const auto& candidate : train.layers()) {
    if (candidate && candidate->name() == goal.layer && !candidate->learn_from(teacher_)) {
      throw Error("unsupported", "layer '" + goal.layer + "' cannot learn from a teacher");
    }
  }
  if (train.fused() != nullptr) train.fused()->learn_from(teacher_);
  update_memory_bytes();
}

void Session::set_distillation(double weight, double temperature) {
  if (!(weight >= 0 && weight <= 1)) throw Error("bad-argument", "a teacher's weight lies between 0 and 1");
  if (!(temperature > 0)) throw Error("bad-argument", "a temperature must be positive");
  if (weight > 0 && teacher_table_.empty()) throw Error("no-teacher", "there is no teacher to learn from");
  teacher_.weight = static_cast<float>(weight);
  teacher_.temperature = static_cast<float>(temperature);
}

void Session::take_teacher_rows(const Net& net) {
  if (teacher_.weight == 0) return;
  const std::vector<std::uint64_t>& items = net.sources().front()->items();
  const std::size_t classes = teacher_table_.size() / teacher_items_;
  float* rows = teacher_.logits.data();
  const auto floats = static_cast<std::int64_t>(items.size() * classes);
  if (teacher_.on_device) rows = backend_->begin_upload(teacher_.on_device.get(), floats);
  for (std::size_t i = 0; i < items.size(); ++i) {
    std::copy_n(teacher_table_.begin() + static_cast<std::ptrdiff_t>(items[i] * classes), classes, rows + i * classes);
  }
  if (teacher_.on_device) backend_->end_upload(teacher_.on_device.get());
}

}  // namespace olmp
