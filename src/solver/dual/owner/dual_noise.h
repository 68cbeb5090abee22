// The modelled error of a dual run, in one chain or with bootstrappings (owner/noise.h).
#pragma once

#include "cipherfit/train/owner/twin.h"
#include "cipherfit/train/plan.h"

namespace cipherfit {

NoiseModel dual_noise(const TrainingPlan& plan);

}  // namespace cipherfit
