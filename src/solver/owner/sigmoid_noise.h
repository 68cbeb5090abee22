// What the noise of the solvers has in common: of the sigmoid's evaluation, of bootstrappings, and
// the scales that errors are made at.
#pragma once

#include "cipherfit/train/owner/twin.h"
#include "cipherfit/train/plan.h"

namespace cipherfit {

// Any prime of the chain but the first is close enough to 2^scale_bits.
double prime_size(const TrainingPlan& plan);
// The smallest factor gives the errors their smallest scale.
double least_factor(const TrainingPlan& plan);
// What part of the plan's scale the other sequence's can be: half, as 1 - eta is at most 2, and
// less where M is the other one and an eta is near 1.
double least_scale_share(const TrainingPlan& plan);

// The scales that logits have in the iterations of a run.
struct ScaleRange {
    double least, most;
};

// The errors of E, whose evaluation is replicated over so many slots.
void set_error_noise(NoiseModel& noise, const TrainingPlan& plan, const ScaleRange& logits,
                     double error_scale, double copies);

// The scale of a state when it is multiplied: after a bootstrapping, up to a bit below twice the
// one of its result, in units of the range.
double least_state_scale(const TrainingPlan& plan);

// Adds what bootstrappings do: their roundings, `room` times as large, and the factor that both
// sequences get, as they go through one.
void add_refreshes(NoiseModel& noise, const TrainingPlan& plan, double room);

}  // namespace cipherfit
