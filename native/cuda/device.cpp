#include "cuda/device.h"

#include "engine/error.h"

namespace olmp::cuda {

void Device::open(Stream stream) {
  stream_ = stream;
  pass_ = allocate(floats_for<PassKey>(1), "the key of random numbers");
  fault_ = allocate(floats_for<Fault>(1), "the record of faults");
}

FaultPlace Device::place_of(const std::string& layer) {
  layers_.push_back(layer);
  return {fault(), static_cast<int>(layers_.size() - 1)};
}

void Device::raise(const Fault& fault) const {
  if (fault.found == 0) return;
  throw Error("bad-label", "layer '" + layers_.at(static_cast<std::size_t>(fault.layer)) + "': the label or index " +
                               std::to_string(fault.value) + " is not one of 0 to " + std::to_string(fault.limit - 1) +
                               "; does the data belong to this net?");
}

}  // namespace olmp::cuda
