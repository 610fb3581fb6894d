#include "cuda/step_queue.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "cuda/kernels/loss.h"
#include "cuda/kernels/population.h"
#include "cuda/kernels/step.h"

namespace olmp::cuda {
namespace {

class DeviceStepQueue final : public StepQueue {
 public:
  explicit DeviceStepQueue(Device& device)
      : device_(device),
        numbers_(device.allocate(floats_for<StepNumbers>(1), "the numbers of a step")),
        drawn_(device.allocate(floats_for<DrawnLayers>(1), "the layers drawn for a step")) {}

  void begin(const std::vector<Measure>& measures, std::size_t columns, std::size_t loss_column) override {
    current_ = 0;
    const auto is_asked_for = [&](const Program& program) {
      return program.measures == measures && program.ring.columns == static_cast<Index>(columns) &&
             program.ring.loss_column == static_cast<Index>(loss_column);
    };
    while (current_ < programs_.size() && !is_asked_for(*programs_[current_])) ++current_;
    if (current_ == programs_.size()) add_program(measures, columns, loss_column);
    rows_ = 0;
    revive_ = true;
  }

  void begin_row(float rate, int iteration) override {
    cuda::begin_row(device_.stream(), ring(), rate, iteration, static_cast<int>(rows_), revive_);
    revive_ = false;
    ++rows_;
  }

  void draw_layers(const std::uint32_t* words, std::size_t count) override {
    DrawnLayers layers{};
    std::copy_n(words, std::min<std::size_t>(count, kDrawnWords), layers.words);
    set_drawn(device_.stream(), reinterpret_cast<DrawnLayers*>(drawn_.get()), layers);
  }

  void remask(const std::vector<Maskable>& parameters, const Limits* limits) override {
    const auto& list = list_of(maskable_, parameters);
    const auto count = static_cast<Index>(parameters.size());
    cuda::remask(device_.stream(), reinterpret_cast<const RemaskTarget*>(list.targets.get()), count, list.blocks,
                 reinterpret_cast<const DrawnLayers*>(drawn_.get()), reinterpret_cast<const LayerLimits*>(limits),
                 device_.scratch(count));
  }

  void run(std::uint64_t key, const std::function<void()>& work) override {
    device_.run_recorded(key * 31 + current_, work);
  }

  void measure() override {
    const Program& program = *programs_[current_];
    cuda::measure(device_.stream(), program.ring, reinterpret_cast<const DeviceMeasure*>(program.list.get()),
                  static_cast<Index>(program.measures.size()));
  }

  void update(const UpdateRule& rule, float clip, const std::vector<Update>& updates) override {
    if (updates.empty()) return;
    auto* numbers = reinterpret_cast<StepNumbers*>(numbers_.get());
    const auto& list = list_of(updates_, updates);
    const auto* targets = reinterpret_cast<const UpdateTarget*>(list.targets.get());
    const auto count = static_cast<Index>(updates.size());
    if (clip >= 0) {
      auto* parts = reinterpret_cast<double*>(device_.scratch(floats_for<double>(list.blocks)));
      gradient_squares(device_.stream(), targets, count, list.blocks, parts);
      set_clipping(device_.stream(), numbers, parts, list.blocks, clip);
    }
    update_all(device_.stream(), rule, numbers, targets, count, list.blocks);
  }

  void count_kept(const float* mask, std::int64_t count, std::size_t column) override {
    cuda::count_kept(device_.stream(), ring(), mask, count, static_cast<Index>(column));
  }

  void mask_candidates(const std::vector<Candidates>& parameters, const Trials& trials, std::size_t first_column,
                       std::size_t column_step) override {
    cuda::mask_candidates(device_.stream(), candidate_targets(parameters), masks_of(trials), ring(),
                          {static_cast<Index>(first_column), static_cast<Index>(column_step)});
  }

  void keep_last(const std::vector<Candidates>& parameters, const Trials& trials) override {
    keep_last_candidate(device_.stream(), candidate_targets(parameters), masks_of(trials));
  }

  void keep_ranked(const std::vector<Candidates>& parameters, const std::int32_t* counts, std::size_t candidates,
                   std::size_t layers) override {
    cuda::keep_ranked(device_.stream(), candidate_targets(parameters), counts, static_cast<Index>(candidates),
                      static_cast<Index>(layers));
  }

  void draw_classes(const float* logits, std::int64_t rows, std::int64_t classes, const double* uniforms,
                    float* labels) override {
    cuda::draw_classes(device_.stream(), logits, rows, classes, uniforms, labels);
  }

  void forget() override {
    device_.forget_recordings();
    programs_.clear();
    updates_.clear();
    candidates_.clear();
    maskable_.clear();
  }

  std::vector<double> read_rows() override {
    const Index values = static_cast<Index>(rows_) * ring().columns;
    std::vector<double> rows(static_cast<std::size_t>(values));
    device_.copy_out(reinterpret_cast<float*>(rows.data()), programs_[current_]->rows.get(), floats_for<double>(values));
    rows_ = 0;
    return rows;
  }

 private:
  // What begin() was given, on the device. Recorded work refers to it, so it stays where it is.
  struct Program {
    std::vector<Measure> measures;
    FloatBuffer list;
    FloatBuffer rows;
    RowRing ring;
  };

  const RowRing& ring() const { return programs_[current_]->ring; }

  void add_program(const std::vector<Measure>& measures, std::size_t columns, std::size_t loss_column) {
    std::vector<DeviceMeasure> list;
    for (const Measure& m : measures) list.push_back({m.values, m.count, m.factor, static_cast<Index>(m.column)});
    const Index list_floats = floats_for<DeviceMeasure>(static_cast<Index>(list.size()));
    const Index ring_floats = floats_for<double>(static_cast<Index>(kMostRows * columns));
    programs_.push_back(std::make_unique<Program>(Program{measures,
                                                          device_.allocate(list_floats, "what a step measures"),
                                                          device_.allocate(ring_floats, "what steps measured"),
                                                          {}}));
    Program& program = *programs_.back();
    program.ring.numbers = reinterpret_cast<StepNumbers*>(numbers_.get());
    program.ring.rows = reinterpret_cast<double*>(program.rows.get());
    program.ring.columns = static_cast<Index>(columns);
    program.ring.loss_column = static_cast<Index>(loss_column);
    device_.copy_in(program.list.get(), reinterpret_cast<const float*>(list.data()), list_floats);
  }

  static UpdateTarget target_of(const Update& u, Index block) {
    return {u.value, u.diff,        u.history, u.history2,           u.mask, u.masked, u.count,
            block,   u.rate_factor, u.decay,   u.confined ? 1 : 0, 0};
  }
  static CandidateTarget target_of(const Candidates& p, Index block) {
    return {p.value, p.mask, p.ranks, p.masked, p.count, block, p.layer, 0};
  }
  static RemaskTarget target_of(const Maskable& p, Index block) {
    return {p.value, p.mask, p.masked, p.element, p.count, block, p.layer, 0};
  }

  // Each begins at the block after those of the one before.
  template <class Item>
  static auto targets_of(const std::vector<Item>& items) {
    std::vector<decltype(target_of(std::declval<Item>(), 0))> targets;
    Index blocks = 0;
    for (const Item& item : items) {
      targets.push_back(target_of(item, blocks));
      blocks += update_blocks(item.count);
    }
    return targets;
  }

  // What an operation over several arrays was given, on the device. Recorded work refers to it: it stays where it is.
  template <class Item>
  struct List {
    std::vector<Item> items;
    FloatBuffer targets;
    Index blocks = 0;
  };
  template <class Item>
  using Lists = std::vector<std::unique_ptr<List<Item>>>;

  template <class Item>
  const List<Item>& list_of(Lists<Item>& lists, const std::vector<Item>& items) {
    const auto known =
        std::find_if(lists.begin(), lists.end(), [&](const auto& list) { return list->items == items; });
    if (known != lists.end()) return **known;
    constexpr std::size_t kMostLists = 32;
    if (lists.size() >= kMostLists) {
      device_.forget_recordings();
      lists.clear();
    }
    const auto targets = targets_of(items);
    using Target = typename decltype(targets_of(items))::value_type;
    const Index floats = floats_for<Target>(static_cast<Index>(targets.size()));
    Index blocks = 0;
    for (const Item& item : items) blocks += update_blocks(item.count);
    lists.push_back(
        std::make_unique<List<Item>>(List<Item>{items, device_.allocate(floats, "the list of what a step works on"), blocks}));
    device_.copy_in(lists.back()->targets.get(), reinterpret_cast<const float*>(targets.data()), floats);
    return *lists.back();
  }

  CandidateTargets candidate_targets(const std::vector<Candidates>& parameters) {
    const auto& list = list_of(candidates_, parameters);
    return {reinterpret_cast<const CandidateTarget*>(list.targets.get()), static_cast<Index>(parameters.size()), list.blocks};
  }

  static CandidateMasks masks_of(const Trials& trials) {
    static_assert(sizeof(Limits) == sizeof(LayerLimits));
    return {reinterpret_cast<const LayerLimits*>(trials.limits), static_cast<Index>(trials.candidates),
            static_cast<Index>(trials.layers), trials.sequential};
  }

  Device& device_;
  FloatBuffer numbers_;
  FloatBuffer drawn_;
  std::vector<std::unique_ptr<Program>> programs_;
  std::size_t current_ = 0;
  std::size_t rows_ = 0;
  bool revive_ = true;
  Lists<Update> updates_;
  Lists<Candidates> candidates_;
  Lists<Maskable> maskable_;
};

}  // namespace

std::unique_ptr<StepQueue> make_step_queue(Device& device) { return std::make_unique<DeviceStepQueue>(device); }

}  // namespace olmp::cuda
