// The statistics solver in the clear, and its noise.
#pragma once

#include "cipherfit/solver/owner/owner_solver.h"

namespace cipherfit {

// G = Xs^T Xs (d x d) and b = Xs^T (Y - 1/2) (d x c).
struct Statistics {
    RowMatrix gram, moments;
};
Statistics statistics_of(const PreparedData& data);

// The recurrence of recipe.h with Q = b - c1 G V, as the encrypted run has it; states are c x d. In
// exact arithmetic these are run_twin's iterates. There are no logits of rows: max_abs_z is empty.
// In the noise, features_std is of the entries of G, labels_std of those of b, gradient_std of
// those of Q. Throws Error(invalid_argument) as run_twin, and for a recipe or data that the solver
// does not take.
StateRun run_statistics_twin(const PreparedData& data, const Recipe& recipe,
                             const NoiseModel* noise = nullptr, const StateVisitor& visit = {});

// From the plan's scales and layout:
//   G, b      fresh
//   Q         c1 times what a product adds: a relinearisation and a rotation for each giant, and
//             the operand's rotations times a row of G, whose norm is at most 4 (preprocess.h)
//   states    one rounding
NoiseModel statistics_noise(const TrainingPlan& plan);

}  // namespace cipherfit
