// Evaluating a generation of candidates on a backend that queues steps: their masks by one kernel, their nets side by side,
// what is measured read once.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include "engine/error.h"
#include "engine/session.h"
#include "engine/session_work.h"

namespace olmp {
namespace {

using Limits = StepQueue::Limits;

constexpr std::size_t kColumns = PopulationNet::kColumns;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

bool are_equal(const Limits& a, const Limits& b) {
  return a.same == b.same && a.prune_at == b.prune_at && a.keep_above == b.keep_above;
}

// Layers that some candidate masks anew.
std::vector<bool> masked_anew(const std::vector<Limits>& limits, std::size_t layers) {
  std::vector<bool> anew(layers, false);
  for (std::size_t i = 0; i < limits.size(); ++i) anew[i % layers] = anew[i % layers] || limits[i].same == 0;
  return anew;
}

// Of each candidate, the place of the first one like it among those that differ.
struct Distinct {
  std::vector<std::size_t> place;
  std::vector<std::size_t> candidates;
};

Distinct distinct_candidates(const std::vector<Limits>& limits, std::size_t layers, bool all) {
  Distinct distinct;
  for (std::size_t c = 0; c < limits.size() / layers; ++c) {
    const auto own = limits.begin() + static_cast<std::ptrdiff_t>(c * layers);
    std::size_t like = 0;
    while (like < distinct.candidates.size() &&
           (all || !std::equal(own, own + static_cast<std::ptrdiff_t>(layers),
                               limits.begin() + static_cast<std::ptrdiff_t>(distinct.candidates[like] * layers), are_equal))) {
      ++like;
    }
    if (like == distinct.candidates.size()) distinct.candidates.push_back(c);
    distinct.place.push_back(like);
  }
  return distinct;
}

// What a candidate's blobs and weights take, of what is free: the rest is for the columns of its convolutions.
constexpr std::int64_t kShareOfMemory = 2;
constexpr std::size_t kMostCandidates = 64;

std::size_t fitting(const PopulationPlan& plan, const Backend& backend, std::size_t wanted) {
  wanted = std::min(wanted, kMostCandidates);
  const auto memory = backend.memory();
  if (!memory) return wanted;
  const std::int64_t each = std::max<std::int64_t>(1, plan.floats * static_cast<std::int64_t>(sizeof(float)));
  return std::min(wanted, static_cast<std::size_t>(memory->free_bytes / kShareOfMemory / each));
}

}  // namespace

Limits Session::limits_of(std::size_t layer, double rate, float first_element) const {
  const auto threshold = masks_->threshold(layer, rate, first_element);
  if (!threshold) return {};
  const MaskLimits limits(*threshold);
  return {limits.prune_at, limits.keep_above, 0};
}

// A rate may reach a mask through its first element, which in a sequence is as the candidate before has left it.
std::vector<Limits> Session::limits_of(const std::vector<double>& rates, bool sequential) const {
  const std::size_t layers = masks_->layers();
  std::vector<Limits> limits(rates.size());
  for (std::size_t layer = 0; layer < layers; ++layer) {
    float first = masks_->first_element(layer);
    float magnitude = kNaN;  // of the weight it masks; asked for when it is needed
    for (std::size_t i = layer; i < rates.size(); i += layers) {
      limits[i] = limits_of(layer, rates[i], first);
      if (limits[i].same != 0 || !sequential || rate_encoding_ == RateEncoding::kExact) continue;
      if (std::isnan(magnitude)) magnitude = std::abs(masks_->first_value(layer));
      first = magnitude > (first != 0.0F ? limits[i].prune_at : limits[i].keep_above) ? 1.0F : 0.0F;
    }
  }
  return limits;
}

PopulationNet* Session::fitting_population(StepQueue& queue, const std::vector<bool>& differs, std::size_t wanted) {
  if (population_differs_ == differs && wanted <= population_wanted_) return population_net_.get();
  if (population_net_) queue.forget();  // what is recorded of it
  population_net_.reset();
  trials_.reset();
  population_differs_ = differs;
  population_wanted_ = wanted;
  const Net& net = this->net(Phase::kTrain);
  const PopulationPlan plan(net.graph(), *parameters_, differs);
  std::size_t candidates = plan.possible ? fitting(plan, *backend_, wanted) : 0;
  for (; candidates > 1 && !population_net_; candidates /= 2) {
    const std::size_t floats = candidates * differs.size() * sizeof(Limits) / sizeof(float);
    try {
      trials_ = backend_->allocate(static_cast<std::int64_t>(floats), "the masks of candidates");
      population_net_ = std::make_unique<PopulationNet>(net, plan, *backend_, *parameters_, candidates);
    } catch (const Error& error) {
      if (error.code() != "out-of-gpu-memory") throw;
    }
  }
  ++populations_;
  update_memory_bytes();
  return population_net_.get();
}

RateEvaluations Session::evaluate_queued(StepQueue& queue, const std::vector<double>& rates, bool sequential,
                                         const Cancelled& cancelled) {
  const std::size_t layers = masks_->layers();
  const std::vector<Limits> limits = limits_of(rates, sequential);
  const std::vector<bool> anew = masked_anew(limits, layers);
  const bool several = rates.size() > layers && std::find(anew.begin(), anew.end(), true) != anew.end();
  if (!several || fitting_population(queue, anew, rates.size() / layers) == nullptr) {
    return evaluate_one_by_one_queued(queue, rates, sequential, cancelled);
  }
  return evaluate_side_by_side(queue, limits, sequential, cancelled);
}

RateEvaluations Session::evaluate_side_by_side(StepQueue& queue, const std::vector<Limits>& limits, bool sequential,
                                               const Cancelled& cancelled) {
  Net& net = this->net(Phase::kTrain);
  PopulationNet& population = *population_net_;
  const std::size_t layers = masks_->layers();
  const std::size_t chunk = population.candidates();
  double kept_elsewhere = 0;
  for (std::size_t layer = 0; layer < layers; ++layer) {
    if (sequential && population_differs_[layer]) masks_->create(layer);
    const KeptCounts counts = masks_->counts(layer);
    if (!population_differs_[layer]) kept_elsewhere += static_cast<double>(counts.kept_weights + counts.kept_biases);
  }
  const std::vector<StepQueue::Candidates> parameters = population.parameters();
  std::vector<StepQueue::Candidates> own;  // that a sequence leaves its masks in
  for (std::size_t i = 0; sequential && i < parameters.size(); ++i) {
    own.push_back(parameters[i]);
    own.back().masked = population.original(i).masked_buffer.get();
  }
  const StepQueue::Trials trials{reinterpret_cast<const Limits*>(trials_.get()), chunk, layers, sequential};
  const std::string accuracy = accuracy_index_ < 0 ? std::string() : net.outputs()[static_cast<std::size_t>(accuracy_index_)];

  const int parts = parts_of(Phase::kTrain);
  queue.begin(population.measures(accuracy, 1.0 / parts), kColumns * chunk, kColumns * chunk);
  const auto mask = [&] { queue.mask_candidates(parameters, trials, 2, kColumns); };
  const auto measure = [&] {
    population.run_forward();
    queue.measure();
  };
  const auto settle = [&] {
    if (sequential) queue.keep_last(own, trials);
  };
  const auto key_of = [&](std::uint64_t work) { return recording_key(work + (populations_ << 8)); };
  // The parts of a batch draw other random numbers, all candidates of a part the same.
  const Random::State random = random_.state();
  const Distinct distinct = distinct_candidates(limits, layers, sequential);
  RateEvaluations found;  // of the distinct ones
  const auto read_rows = [&] {
    const std::vector<double> rows = queue.read_rows();
    for (std::size_t c = 0; c < rows.size() / kColumns && found.loss.size() < distinct.candidates.size(); ++c) {
      const double* row = rows.data() + kColumns * c;
      found.loss.push_back(row[0]);
      found.accuracy.push_back(accuracy.empty() ? kNaN : row[1]);
      found.kept.push_back(row[2] + kept_elsewhere);
    }
  };
  std::size_t begun = 0;
  for (std::size_t first = 0; first < distinct.candidates.size() && !cancelled(); first += chunk) {
    const std::size_t size = std::min(chunk, distinct.candidates.size() - first);
    auto* to = reinterpret_cast<Limits*>(backend_->begin_upload(
        trials_.get(), static_cast<std::int64_t>(chunk * layers * sizeof(Limits) / sizeof(float))));
    std::fill_n(to, chunk * layers, Limits());
    for (std::size_t c = 0; c < size; ++c) {
      const auto from = limits.begin() + static_cast<std::ptrdiff_t>(distinct.candidates[first + c] * layers);
      std::copy_n(from, layers, to + c * layers);
    }
    backend_->end_upload(trials_.get());
    queue.begin_row(0, 0);
    random_.set_state(random);
    if (parts > 1) queue.run(key_of(work::kCandidateMasks), mask);
    each_loaded_part([&] {
      net.prepare_forward(false);
      population.begin_pass();
      if (parts > 1) {
        queue.run(key_of(work::kSample), measure);
      } else {
        queue.run(key_of(sequential ? work::kSequence : work::kPopulation), [&] {
          mask();
          measure();
          settle();
        });
      }
    });
    if (parts > 1 && sequential) queue.run(key_of(work::kSettle), settle);
    if (++begun % StepQueue::kMostRows == 0) read_rows();
  }
  read_rows();
  if (sequential) {
    for (std::size_t layer = 0; layer < layers; ++layer) {
      if (population_differs_[layer]) masks_->masked_elsewhere(layer);
    }
  }
  RateEvaluations result;
  for (const std::size_t place : distinct.place) {
    if (place >= found.loss.size()) break;
    result.loss.push_back(found.loss[place]);
    result.accuracy.push_back(found.accuracy[place]);
    result.kept.push_back(found.kept[place]);
  }
  update_memory_bytes();
  return result;
}

// Empty where the candidates cannot be evaluated side by side.
std::vector<double> Session::evaluate_counts_queued(StepQueue& queue, const std::vector<double>& counts,
                                                    const Cancelled& cancelled) {
  const std::size_t layers = masks_->layers();
  const std::size_t wanted = counts.size() / layers;
  if (wanted < 2 || fitting_population(queue, std::vector<bool>(layers, true), wanted) == nullptr) return {};
  Net& net = this->net(Phase::kTrain);
  PopulationNet& population = *population_net_;
  const std::size_t chunk = population.candidates();
  const std::vector<FloatBuffer>& ranks = scores().ranks();
  std::vector<StepQueue::Candidates> parameters = population.parameters();
  std::uint64_t key = 0;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const auto& all = parameters_->all();
    std::size_t at = 0;
    while (all[at].get() != &population.original(i)) ++at;
    parameters[i].ranks = reinterpret_cast<const std::int32_t*>(ranks[at].get());
    key = key * 31 + reinterpret_cast<std::uintptr_t>(parameters[i].ranks);
  }
  const std::size_t inputs = train_inputs_.size();
  const std::size_t batches = sample_.size() / inputs;
  queue.begin(population.measures({}, 1.0 / static_cast<double>(batches)), kColumns * chunk, kColumns * chunk);
  const Random::State random = random_.state();
  std::vector<double> losses;
  const auto read_rows = [&] {
    const std::vector<double> rows = queue.read_rows();
    for (std::size_t c = 0; c < rows.size() / kColumns && losses.size() < wanted; ++c) losses.push_back(rows[kColumns * c]);
  };
  std::size_t begun = 0;
  for (std::size_t first = 0; first < wanted && !cancelled(); first += chunk) {
    const auto floats = static_cast<std::int64_t>(chunk * layers);
    auto* to = reinterpret_cast<std::int32_t*>(backend_->begin_upload(trials_.get(), floats));
    for (std::size_t i = 0; i < chunk * layers; ++i) {
      const std::size_t place = first * layers + i;
      to[i] = place < counts.size() ? static_cast<std::int32_t>(counts[place]) : 0;
    }
    backend_->end_upload(trials_.get());
    queue.begin_row(0, 0);
    queue.run(recording_key(work::kRanked + (populations_ << 8)) ^ key, [&] {
      queue.keep_ranked(parameters, reinterpret_cast<const std::int32_t*>(trials_.get()), chunk, layers);
    });
    // Dropout draws the same for every candidate, and goes on afterwards as if none had been.
    random_.set_state(random);
    for (std::size_t batch = 0; batch < batches; ++batch) {
      for (std::size_t i = 0; i < inputs; ++i) {
        const Tensor& input = blob(Phase::kTrain, train_inputs_[i]);
        std::memcpy(backend_->begin_upload(input.data, input.count()), sample_[batch * inputs + i].data(),
                    static_cast<std::size_t>(input.count()) * sizeof(float));
        backend_->end_upload(input.data);
      }
      net.prepare_forward(false);
      population.begin_pass();
      queue.run(recording_key(work::kSample + (populations_ << 8)), [&] {
        population.run_forward();
        queue.measure();
      });
    }
    if (++begun % StepQueue::kMostRows == 0) read_rows();
  }
  read_rows();
  random_.set_state(random);
  update_memory_bytes();
  return losses;
}

}  // namespace olmp
