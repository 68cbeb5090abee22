// The dual solver in the clear: the recurrence of recipe.h on the model's coefficients, A with
// U = A^T Xs (n x c), K = Xs Xs^T, Z = Z_0 + K A and E in the place of Q.
#pragma once

#include "cipherfit/solver/owner/owner_solver.h"

namespace cipherfit {

// In exact arithmetic these are run_twin's iterates, for every update lies in the row space of Xs.
// In the noise, features_std is of the entries of K and gradient_std must be 0. States are
// coefficients; under noise, those at the end of a segment are as the owner joins them from its
// sums. Errors as run_twin.
StateRun run_dual_twin(const PreparedData& data, const Recipe& recipe,
                       const NoiseModel* noise = nullptr, const StateVisitor& callback = {});

// K = Xs Xs^T, n x n.
RowMatrix gram_matrix(const PreparedData& data);
// The model that the coefficients of its sequence stand for: A^T Xs, c x d.
RowMatrix model_of(const RowMatrix& coefficients, const PreparedData& data);
// The largest |K A| of either sequence over all iterations: what a run with bootstrappings takes
// through them.
double largest_carried_logit(const PlainRun& run);

}  // namespace cipherfit
