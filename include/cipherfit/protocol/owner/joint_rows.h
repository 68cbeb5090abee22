// A contributor's computation on its own rows, and the way from what is released to a model.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/parties/owner/contributor.h"
#include "cipherfit/protocol/charter_plan.h"
#include "cipherfit/rlwe/multiparty/key_shares.h"
#include "cipherfit/train/head.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cipherfit {

// Rows of a charter's features, and the class of each as an index into the charter's classes.
struct JointRows {
    RowMatrix features;
    std::vector<int> labels;
};

// What published sums make of features: X = [1 | (F - mean) P], an affine map that the model folds
// back. The digest is of its numbers, to the last bit.
struct JointPreparation {
    Eigen::VectorXd mean;  // f
    RowMatrix projection;  // f x (d - 1)
    JointScaling scaling;  // with the bound of the eigenvalues of sum X_i^T X_i once published
    Digest digest() const;
    // n x d, bias first; rows longer than the bound are shortened to it, but for the bias.
    RowMatrix design(const RowMatrix& features, double row_bound) const;
};
// Throws Error(bad_input) where the sums are of rows that are all alike.
JointPreparation joint_preparation(const CharterPlan& plan, const PooledSums& sums);

// The numbers of a round of sums. Throws Error(bad_input) for rows that are too large.
std::vector<std::uint64_t> joint_numbers(const CharterPlan& plan, const PooledRound& round,
                                         const PooledSums& before, const JointRows& rows);

// An upload: the preparation's digest and encryptions of the statistics under the joint public key.
std::vector<std::uint8_t> joint_upload(const CharterPlan& plan, const JointPublicKey& key,
                                       const JointPreparation& preparation, const JointRows& rows);

// The model of opened coefficients (NTT values at the release level), for features as they are.
Head released_model(const CharterPlan& plan, const JointPreparation& preparation,
                    const RnsPoly& opened, std::vector<std::string> class_names);

}  // namespace cipherfit
