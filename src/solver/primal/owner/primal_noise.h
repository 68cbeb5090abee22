// The modelled error of a primal run (owner/noise.h).
#pragma once

#include "cipherfit/train/plan.h"
#include "cipherfit/train/twin.h"

namespace cipherfit {

NoiseModel primal_noise(const TrainingPlan& plan);

}  // namespace cipherfit
