#include <algorithm>
#include <map>
#include <numeric>

#include "engine/error.h"
#include "engine/session.h"

namespace olmp {
namespace {

int history_index(ParameterPart part) { return part == ParameterPart::kHistory2 ? 1 : 0; }

}  // namespace

Parameter& Session::parameter(std::size_t index) const {
  const auto& all = parameters_->all();
  if (index < all.size()) return *all[index];
  throw Error("bad-argument", "there is no parameter " + std::to_string(index) + "; the session has " +
                                  std::to_string(all.size()));
}

float* Session::part_memory(std::size_t index, ParameterPart part) const {
  Parameter& parameter = this->parameter(index);
  switch (part) {
    case ParameterPart::kValue:
      return parameter.tensor.data;
    case ParameterPart::kMask:
      return parameter.mask;
    case ParameterPart::kDiff:
      if (parameter.tensor.diff == nullptr) {
        throw Error("no-gradients", "parameter " + parameter.tensor.name + " has no gradient in this session");
      }
      settle_gradient(*backend_, parameter);
      return parameter.tensor.diff;
    default:
      break;
  }
  float* history = solver_ ? solver_->history(index, history_index(part)) : nullptr;
  if (history == nullptr) {
    throw Error("no-history", solver_ ? "a solver of type " + solver_->spec().type + " keeps no second history"
                                      : std::string("the session has no solver, and so no solver history"));
  }
  return history;
}

void Session::fill_parameters() {
  std::vector<std::size_t> all(parameters_->all().size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  fill_parameters(all);
}

void Session::fill_parameters(const std::vector<std::size_t>& indices) {
  forget_population();
  for (const std::size_t i : indices) {
    const Tensor& tensor = parameter(i).tensor;
    std::vector<float> values(static_cast<std::size_t>(tensor.count()));
    fill(parameters_->filler(i), tensor.shape, random_, values.data());
    backend_->copy_in(tensor.data, values.data(), tensor.count());
  }
  masks_->values_changed();
}

void Session::load_parameters(const std::vector<BlobPlacement>& placements) {
  forget_population();
  std::map<std::string, InputFile> files;
  for (const BlobPlacement& placement : placements) {
    Parameter& target = parameter(placement.parameter);
    const std::int64_t n = target.tensor.count();
    if (placement.floats.count != n) {
      throw Error("shape-mismatch",
                  "parameter " + target.tensor.name + " has " + std::to_string(n) + " elements, the file has " +
                      std::to_string(placement.floats.count),
                  placement.file);
    }
    const InputFile& file = files.try_emplace(placement.file, placement.file).first->second;
    if (placement.part == ParameterPart::kMask) {  // goes through set_mask, which checks and counts
      std::vector<float> mask(static_cast<std::size_t>(n));
      read_floats(file, placement.floats, [&mask](std::int64_t from, const float* values, std::int64_t size) {
        std::copy_n(values, size, mask.begin() + from);
      });
      masks_->set_mask(target, mask.data());
      continue;
    }
    float* to = part_memory(placement.parameter, placement.part);
    read_floats(file, placement.floats, [this, to](std::int64_t from, const float* values, std::int64_t size) {
      backend_->copy_in(to + from, values, size);
    });
    if (placement.part == ParameterPart::kValue) masks_->values_changed(target);
  }
  update_memory_bytes();
}

std::vector<float> Session::get_parameter(std::size_t index, ParameterPart part) const {
  const float* from = part_memory(index, part);
  const auto n = static_cast<std::size_t>(parameter(index).tensor.count());
  if (from == nullptr) return std::vector<float>(n, 1.0f);  // no mask: everything is kept
  std::vector<float> values(n);
  backend_->copy_out(values.data(), from, static_cast<std::int64_t>(n));
  return values;
}

void Session::set_parameter(std::size_t index, ParameterPart part, const std::vector<float>& values) {
  forget_population();
  Parameter& target = parameter(index);
  if (static_cast<std::int64_t>(values.size()) != target.tensor.count()) {
    throw Error("shape-mismatch", "parameter " + target.tensor.name + " has " + std::to_string(target.tensor.count()) +
                                      " elements; " + std::to_string(values.size()) + " were given");
  }
  if (part == ParameterPart::kMask) {
    masks_->set_mask(target, values.data());
    update_memory_bytes();
    return;
  }
  backend_->copy_in(part_memory(index, part), values.data(), target.tensor.count());
  if (part == ParameterPart::kValue) masks_->values_changed(target);
}

void Session::set_iteration(int iteration) {
  if (iteration < 0) throw Error("bad-argument", "an iteration cannot be negative");
  iteration_ = iteration;
}

}  // namespace olmp
