// Bytes of joint ciphertexts: both parts whole, since neither is uniform from a seed.
#pragma once

#include "cipherfit/io/bytes.h"
#include "cipherfit/solver/joint/training.h"

namespace cipherfit {

// A contribution, at the plan's level and scales, and back.
void write_contribution(ByteWriter& out, const JointPlan& plan,
                        const JointContribution& contribution);
JointContribution read_contribution(ByteReader& in, const JointPlan& plan);

}  // namespace cipherfit
