// The modelled error of a primal run (owner/noise.h).
#pragma once

#include "cipherfit/train/owner/twin.h"
#include "cipherfit/train/plan.h"

namespace cipherfit {

NoiseModel primal_noise(const TrainingPlan& plan);

}  // namespace cipherfit
