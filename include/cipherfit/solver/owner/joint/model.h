// The recipient's side: from the sum of the release's shares to a model.
#pragma once

#include "cipherfit/ckks/ciphertext.h"
#include "cipherfit/rlwe/rns_poly.h"
#include "cipherfit/solver/joint/plan.h"
#include "cipherfit/train/owner/preprocess.h"

namespace cipherfit {

// V_T in the plan's units, d x c, from what combine_release() gives (or a decryption): NTT values
// of release_level() + 1 limbs. Throws Error(invalid_argument) for another shape.
RowMatrix decode_joint_state(const JointPlan& plan, const RnsPoly& opened);

// The model: c x d weights W, so that rows x of the columns that were contributed have the scores
// x W^T; those of a least-squares fit of Y - 1/2 with the ridge lambda L.
//     W = sqrt(n / L) V^T
// Throws Error(bad_input) for a scaling that is not positive.
RowMatrix joint_model(const JointScaling& scaling, const RowMatrix& state);
RowMatrix decode_joint_model(const JointPlan& plan, const JointScaling& scaling,
                             const RnsPoly& opened);

}  // namespace cipherfit
