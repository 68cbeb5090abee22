// How large a bootstrapping's messages are. What EvalMod must find room for is their coefficients
// as polynomials, not their entries: without a pattern, n entries have coefficients about sqrt(n)
// times smaller, and each bit of room that is not given away is one of precision
// (docs/design/long-training.md, "Range and precision").
#pragma once

#include "cipherfit/solver/owner/plain_run.h"
#include "cipherfit/train/owner/preprocess.h"
#include "cipherfit/train/plan.h"

namespace cipherfit {

// The largest coefficient that the noiseless twin takes through the plan's bootstrappings: of
// M + i q U in every block, where q makes up for the two sequences' scales, or of pairs of blocks
// where there is no momentum; in the dual, of the carried logits. The primal's last states
// count too, as they end at the lowest level. 0 for a plan without
// bootstrappings. Throws what the twin throws.
double largest_refreshed_coefficient(const TrainingPlan& plan, const PreparedData& data);
// The same from a run of the plan's solver and recipe.
double largest_refreshed_coefficient(const TrainingPlan& plan, const PlainRun& run);

}  // namespace cipherfit
