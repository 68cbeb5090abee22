// The owner's side of what a dual run with bootstrappings keeps beside its states.
#pragma once

#include "cipherfit/solver/owner/plain_run.h"

namespace cipherfit {

// As largest_refreshed_coefficient() (owner/refresh_range.h), of the sums of errors that models in
// between are joined from (segments.h); 0 for a plan without them. To be held to
// DualLogitsSolver::segment_capacity().
double largest_segment_coefficient(const TrainingPlan& plan, const PlainRun& run);

}  // namespace cipherfit
