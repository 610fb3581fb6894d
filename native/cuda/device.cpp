#include "cuda/device.h"

#include "engine/error.h"

namespace olmp::cuda {

void Device::open(Stream stream) {
  stream_ = stream;
  pass_ = allocate(floats_for<PassKey>(1), "the key of random numbers");
  fault_ = allocate(floats_for<Fault>(1), "the record of faults");
}

void Device::close() {
  recordings_.clear();
  scratch_.reset();
  pass_.reset();
  fault_.reset();
}

void Device::run_recorded(std::uint64_t key, const std::function<void()>& step) {
  constexpr std::size_t kMostRecordings = 16;
  if (recordings_.size() >= kMostRecordings && recordings_.count(key) == 0) forget_recordings();
  const bool met = recordings_.count(key) != 0;
  if (!met) {
    step();  // may forget all recordings
    recordings_[key];
    return;
  }
  Met& known = recordings_[key];
  if (!known.recording) {
    begin_recording();
    is_recording_ = true;
    try {
      step();
    } catch (...) {
      is_recording_ = false;
      end_recording();
      throw;
    }
    is_recording_ = false;
    known.recording = end_recording();
    if (!known.recording) throw Error("cuda", "a step could not be recorded");
  }
  known.recording->replay();
}

void Device::forget_recordings() {
  if (recordings_.empty()) return;
  wait();
  recordings_.clear();
}

float* Device::scratch(Index floats) {
  if (floats <= scratch_floats_) return scratch_.get();
  if (is_recording_) throw Error("internal", "a step needs more work space when it is recorded than when it first ran");
  forget_recordings();
  scratch_floats_ = 0;
  scratch_.reset();
  scratch_ = allocate(floats, "work space of layers");
  scratch_floats_ = floats;
  return scratch_.get();
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
