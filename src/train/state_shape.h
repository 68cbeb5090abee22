// What the plan says of a training state: how many ciphertexts of each kind, at which level and
// scale.
#pragma once

#include "cipherfit/train/plan.h"

#include <cstddef>

namespace cipherfit {

struct SequenceShape {
    std::size_t count = 0;
    std::size_t level = 0;
    double scale = 1;
};

struct StateShape {
    SequenceShape main, extrapolated, coefficients, segment;
};

// After `iteration` iterations, 0..iterations.
StateShape state_shape(const TrainingPlan& plan, int iteration);

}  // namespace cipherfit
