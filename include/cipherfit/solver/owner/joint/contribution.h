// A contributor's side: from rows to the sums that it encrypts under the joint public key.
//
// The rows are the columns that all contributors agreed on, with a column of ones for the
// intercept, scaled as the charter says; labels are 0 or 1. Rows outside the charter's ranges void
// the bound on released errors, and with it everybody's secrecy.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/rlwe/multiparty/key_shares.h"
#include "cipherfit/solver/joint/plan.h"
#include "cipherfit/solver/joint/training.h"
#include "cipherfit/train/owner/preprocess.h"

#include <vector>

namespace cipherfit {

// One contributor's sums, in the clear. Secret.
struct JointStatistics {
    RowMatrix gram;                 // X^T X
    RowMatrix moments;              // X^T (Y - 1/2)
    double rows = 0;                // to be pooled
    double largest_eigenvalue = 0;  // of gram, rounded up: to be pooled
};

// bad_input for rows or labels that do not fit the plan: another number of columns or classes,
// values that are not finite or a row whose norm is above `row_bound` (the charter's), labels other
// than 0 and 1, no row.
Expected<JointStatistics> joint_statistics(const JointPlan& plan, const RowMatrix& x,
                                           const RowMatrix& y, double row_bound);

// The messages as they are encrypted: G's, then b's, in units of the scaling. bad_input where the
// scaling does not cover these sums: it is then not the sum over all contributors.
Expected<std::vector<Plaintext>> joint_messages(const JointPlan& plan, const JointScaling& scaling,
                                                const JointStatistics& statistics);

// The same, encrypted with the system's randomness.
Expected<JointContribution> encrypt_contribution(const JointPlan& plan, const JointScaling& scaling,
                                                 const JointStatistics& statistics,
                                                 const JointPublicKey& key);

// The simulated twin: the same recurrence in doubles on the sums of all; V_T, d x c.
RowMatrix joint_twin(const JointPlan& plan, const JointScaling& scaling,
                     const JointStatistics& sum);
// The sums and the scaling of several contributors together.
JointStatistics sum_statistics(const std::vector<JointStatistics>& all);
JointScaling scaling_of(const std::vector<JointStatistics>& all);

}  // namespace cipherfit
