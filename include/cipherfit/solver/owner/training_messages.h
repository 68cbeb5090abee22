// What the owner of the data encrypts, in the slots, levels and scales that the plan gives it.
#pragma once

#include "cipherfit/solver/owner/owner_solver.h"

#include <cstddef>
#include <functional>

namespace cipherfit {

// Calls `use` for every message of a batch, 0..plan.row_files()-1, in the order of
// TrainingPlan::messages(). `data`: all samples. Throws Error(invalid_argument) where the data's
// shape or start is not the plan's.
void for_each_message(const TrainingPlan& plan, const PreparedData& data, std::size_t batch,
                      const std::function<void(TrainingMessage)>& use);

}  // namespace cipherfit
