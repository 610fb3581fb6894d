// What a solver asks of one parameter update.
#pragma once

namespace olmp {

// One parameter update's numbers; rate and decay already include the parameter's lr_mult / decay_mult.
struct UpdateRule {
  enum class Type { kSgd, kNesterov, kAdaGrad, kRmsProp, kAdaDelta, kAdam } type = Type::kSgd;
  float rate = 0;
  float momentum = 0;
  float momentum2 = 0;
  float rms_decay = 0;
  float delta = 0;
  float decay = 0;
  bool l1 = false;
  float diff_scale = 1;  // 1/iter_size times the clipping factor
  int iteration = 0;     // Adam's t - 1
};

}  // namespace olmp
