// A contributor's computation on its own rows, and the way from what is released to a model.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/parties/owner/contributor.h"
#include "cipherfit/protocol/charter_plan.h"
#include "cipherfit/protocol/owner/joint_preparation.h"
#include "cipherfit/rlwe/multiparty/key_shares.h"
#include "cipherfit/train/owner/head.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cipherfit {

// Rows of a charter's columns, and the class of each as an index into the charter's classes.
struct JointRows {
    RowMatrix features;
    std::vector<int> labels;
};

// The numbers of a round of sums. Throws Error(bad_input) for rows that are too large.
std::vector<std::uint64_t> joint_numbers(const CharterPlan& plan, const PooledRound& round,
                                         const PooledSums& before, const JointRows& rows);

// An upload: the preparation's digest and encryptions of the statistics under the joint public key.
std::vector<std::uint8_t> joint_upload(const CharterPlan& plan, const JointPublicKey& key,
                                       const JointPreparation& preparation, const JointRows& rows);

// The model of opened coefficients (NTT values at the release level): for columns as they are, or
// for the features of joint_extractor() where the charter has a public map.
Head released_model(const CharterPlan& plan, const JointPreparation& preparation,
                    const RnsPoly& opened, std::vector<std::string> class_names);

}  // namespace cipherfit
