// A plan in figures, for reports.
#pragma once

#include "cipherfit/train/plan.h"

#include <nlohmann/json_fwd.hpp>

namespace cipherfit {

// Sizes, levels, bytes and predicted costs of a plan.
nlohmann::json plan_figures(const TrainingPlan& plan);

}  // namespace cipherfit
