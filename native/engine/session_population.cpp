// A population of masks tried on the net: thresholds of a search (evaluate_rates), counts by score (evaluate_kept_counts).
#include <algorithm>
#include <cmath>

#include "engine/denormals.h"
#include "engine/error.h"
#include "engine/session.h"

namespace olmp {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Beyond so many parameters a pass takes so much longer than writing a mask out that ranking them is not worth its memory.
constexpr std::int64_t kMostRanked = 20'000'000;

void require_whole_candidates(const std::vector<double>& numbers, std::size_t layers, const char* what) {
  if (layers == 0) throw Error("bad-argument", "the net has no layer that can be pruned");
  if (numbers.size() % layers != 0) {
    throw Error("bad-argument", std::to_string(numbers.size()) + " " + what + " are no whole number of candidates of " +
                                    std::to_string(layers) + " layers");
  }
}

bool is_given_up(const SearchBounds& bounds, std::size_t candidate, double kept) {
  return !bounds.most_kept.empty() && kept >= bounds.most_kept[candidate];
}

std::vector<std::uint64_t> mask_versions(const ParameterStore& parameters) {
  std::vector<std::uint64_t> versions;
  for (const auto& parameter : parameters.all()) versions.push_back(parameter->mask_version);
  return versions;
}

}  // namespace

void Session::forget_population() { population_.reset(); }

bool Session::prepare_population(bool by_score, bool sequential) {
  FusedNet* fused = net(Phase::kTrain).fused();
  std::int64_t elements = 0;
  for (const auto& parameter : parameters_->all()) elements += parameter->prunable < 0 ? 0 : parameter->tensor.count();
  if (fused == nullptr || elements > kMostRanked) return false;
  if (population_ && population_->by_score == by_score && population_->versions == mask_versions(*parameters_) &&
      (sequential || population_->written == population_->candidates.as_before())) {
    return true;
  }
  forget_population();
  population_ = std::make_unique<Population>(by_score ? MaskCandidates::by_score(*backend_, *parameters_, scores())
                                                      : MaskCandidates::by_magnitude(*backend_, *parameters_));
  population_->evaluator = fused->evaluator(population_->candidates);
  population_->written = population_->candidates.as_before();
  population_->versions = mask_versions(*parameters_);
  population_->by_score = by_score;
  return true;
}

void Session::write_masks(const CandidateMask& mask) {
  Population& population = *population_;
  for (std::size_t layer = 0; layer < mask.size(); ++layer) {
    if (mask[layer] == population.written[layer]) continue;
    population.candidates.write(layer, mask[layer], *masks_);
    population.written[layer] = mask[layer];
  }
  population.versions = mask_versions(*parameters_);
}

RateEvaluations Session::evaluate_rates(const std::vector<double>& rates, bool sequential, const Cancelled& cancelled,
                                        const SearchBounds& bounds) {
  const FlushDenormals flush;
  net(Phase::kTrain);
  const std::size_t layers = masks_->layers();
  require_whole_candidates(rates, layers, "rates");
  if (!bounds.most_kept.empty() && bounds.most_kept.size() != rates.size() / layers) {
    throw Error("bad-argument", "there must be as many bounds as candidates");
  }
  if (StepQueue* queue = backend_->step_queue()) return evaluate_queued(*queue, rates, sequential, cancelled);
  RateEvaluations result = prepare_population(false, sequential)
                               ? evaluate_population(rates, sequential, cancelled, bounds)
                               : evaluate_one_by_one(rates, sequential, cancelled, bounds);
  update_memory_bytes();
  return result;
}

RateEvaluations Session::evaluate_population(const std::vector<double>& rates, bool sequential, const Cancelled& cancelled,
                                             const SearchBounds& bounds) {
  Net& net = this->net(Phase::kTrain);
  if (!net.batch_loaded()) net.prepare_forward(false);
  Population& population = *population_;
  const auto masks = population.candidates.at_rates(*masks_, rates, sequential, population.written);
  std::vector<MaskEvaluator::Evaluation> evaluations(masks.size());
  std::vector<double> kept;
  std::vector<std::size_t> which;
  for (std::size_t p = 0; p < masks.size(); ++p) {
    kept.push_back(static_cast<double>(population.candidates.kept(masks[p])));
    if (is_given_up(bounds, p, kept[p])) {
      evaluations[p] = {kNaN, kNaN, true};
    } else {
      which.push_back(p);
    }
  }
  population.evaluator->evaluate(masks, which, {population.evaluator->loaded_batch()}, bounds.least_accuracy, cancelled,
                                 evaluations);
  RateEvaluations result;
  for (std::size_t p = 0; p < masks.size() && evaluations[p].reached; ++p) {
    result.loss.push_back(evaluations[p].loss);
    result.accuracy.push_back(evaluations[p].accuracy);
    result.kept.push_back(kept[p]);
  }
  if (sequential && !result.kept.empty()) write_masks(masks[result.kept.size() - 1]);
  return result;
}

void Session::apply_rates(MaskTrial* trial, const double* rates) {
  for (std::size_t layer = 0; layer < masks_->layers(); ++layer) {
    if (trial != nullptr) {
      trial->apply(layer, rates[layer]);
    } else {
      masks_->apply(layer, rates[layer]);
    }
  }
}

RateEvaluations Session::evaluate_one_by_one(const std::vector<double>& rates, bool sequential, const Cancelled& cancelled,
                                             const SearchBounds& bounds) {
  Net& net = this->net(Phase::kTrain);
  const std::size_t layers = masks_->layers();
  std::unique_ptr<MaskTrial> trial;
  if (!sequential) trial = std::make_unique<MaskTrial>(*masks_);
  RateEvaluations result;
  bool forwarded = false;  // the net's blobs are those of the candidate evaluated last
  for (std::size_t candidate = 0; candidate < rates.size() / layers && !cancelled(); ++candidate) {
    apply_rates(trial.get(), rates.data() + candidate * layers);
    result.kept.push_back(static_cast<double>(masks_->kept()));
    const bool given_up = is_given_up(bounds, candidate, result.kept.back());
    result.loss.push_back(given_up ? kNaN : forwarded ? net.forward_again() : net.forward(false));
    forwarded = forwarded || !given_up;
    result.accuracy.push_back(given_up ? kNaN : batch_accuracy());
  }
  return result;
}

double Session::batch_accuracy() const {
  return accuracy_index_ < 0 ? kNaN : net(Phase::kTrain).output(static_cast<std::size_t>(accuracy_index_));
}

// Mean training loss on the held batches.
double Session::sample_loss() {
  Net& net = this->net(Phase::kTrain);
  const std::size_t inputs = train_inputs_.size();
  double sum = 0;
  for (std::size_t batch = 0; batch < sample_.size(); batch += inputs) {
    for (std::size_t i = 0; i < inputs; ++i) set_blob(Phase::kTrain, train_inputs_[i], BlobPart::kData, sample_[batch + i]);
    sum += net.forward(false);
  }
  return sum * static_cast<double>(inputs) / static_cast<double>(sample_.size());
}

std::vector<double> Session::evaluate_kept_counts(const std::vector<double>& counts, const Cancelled& cancelled) {
  const FlushDenormals flush;
  const std::size_t layers = masks_->layers();
  if (sample_.empty()) throw Error("no-sample", "no batches are held to evaluate on");
  require_whole_candidates(counts, layers, "counts");
  if (StepQueue* queue = backend_->step_queue()) {
    std::vector<double> losses = evaluate_counts_queued(*queue, counts, cancelled);
    if (!losses.empty()) return losses;
  }
  std::vector<std::vector<double>> rows;
  for (auto row = counts.begin(); row != counts.end(); row += static_cast<std::ptrdiff_t>(layers)) {
    rows.emplace_back(row, row + static_cast<std::ptrdiff_t>(layers));
  }
  std::vector<double> losses = prepare_population(true, false) ? evaluate_counts_of_population(rows, cancelled)
                                                               : evaluate_counts_one_by_one(rows, cancelled);
  update_memory_bytes();
  return losses;
}

std::vector<double> Session::evaluate_counts_of_population(const std::vector<std::vector<double>>& rows,
                                                           const Cancelled& cancelled) {
  const Population& population = *population_;
  std::vector<CandidateMask> masks;
  std::vector<std::size_t> which;
  for (const std::vector<double>& row : rows) {
    CandidateMask mask;
    for (std::size_t layer = 0; layer < row.size(); ++layer) {
      const Ranking& ranking = population.candidates.layers()[layer].ranking;
      const auto most = static_cast<double>(ranking.count(ranking.as_before()));
      mask.push_back(ranking.first(static_cast<std::int32_t>(std::clamp(row[layer], 0.0, most))));
    }
    which.push_back(masks.size());
    masks.push_back(std::move(mask));
  }
  std::vector<MaskEvaluator::Evaluation> evaluations(masks.size());
  population.evaluator->evaluate(masks, which, held_batches(), -std::numeric_limits<double>::infinity(), cancelled,
                                 evaluations);
  std::vector<double> losses;
  for (std::size_t p = 0; p < masks.size() && evaluations[p].reached; ++p) losses.push_back(evaluations[p].loss);
  return losses;
}

std::vector<MaskEvaluator::Batch> Session::held_batches() const {
  const MaskEvaluator& evaluator = *population_->evaluator;
  std::vector<MaskEvaluator::Batch> batches;
  for (std::size_t first = 0; first < sample_.size(); first += train_inputs_.size()) {
    MaskEvaluator::Batch batch;
    for (std::size_t i = 0; i < train_inputs_.size(); ++i) {
      if (train_inputs_[i] == evaluator.data_blob()) batch.data = sample_[first + i].data();
      if (train_inputs_[i] == evaluator.label_blob()) batch.labels = sample_[first + i].data();
    }
    batches.push_back(batch);
  }
  return batches;
}

std::vector<double> Session::evaluate_counts_one_by_one(const std::vector<std::vector<double>>& rows,
                                                        const Cancelled& cancelled) {
  std::vector<std::vector<float>> masks;
  for (const auto& parameter : parameters_->all()) {
    std::vector<float> mask;
    if (parameter->mask != nullptr) {
      mask.resize(static_cast<std::size_t>(parameter->tensor.count()));
      backend_->copy_out(mask.data(), parameter->mask, parameter->tensor.count());
    }
    masks.push_back(std::move(mask));
  }
  const auto restore = [&] {
    for (std::size_t i = 0; i < masks.size(); ++i) {
      Parameter& parameter = *parameters_->all()[i];
      if (parameter.prunable < 0) continue;
      if (masks[i].empty()) {
        masks_->remove(static_cast<std::size_t>(parameter.prunable));
      } else {
        masks_->set_mask(parameter, masks[i].data());
      }
    }
  };
  // Dropout draws the same for every candidate, and goes on afterwards as if none had been.
  const Random::State random = random_.state();
  std::vector<double> losses;
  for (const std::vector<double>& row : rows) {
    if (cancelled()) break;
    keep_best_of_layers(row);
    random_.set_state(random);
    losses.push_back(sample_loss());
    restore();
  }
  random_.set_state(random);
  return losses;
}

}  // namespace olmp
