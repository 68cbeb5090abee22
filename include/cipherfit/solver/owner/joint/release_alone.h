// The release of a single owner, by the arithmetic of several: the one holder of a set of one.
#pragma once

#include "cipherfit/base/secure.h"
#include "cipherfit/ckks/ciphertext.h"
#include "cipherfit/rlwe/owner/secret_key.h"
#include "cipherfit/solver/joint/plan.h"

namespace cipherfit {

// What decode_joint_model() reads, with the plan's noise: it may be given away, unlike what
// decrypting gives. `job` names what the key is for; one key, one release. `noise_seed`: 32 secret
// bytes, stored with the key, so that asking again gives the same bytes. Throws
// Error(invalid_argument) for a plan of more than one holder, for another key's parameters, or a
// ciphertext that is not at the release's level and scale.
RnsPoly release_alone(const JointPlan& plan, const SecretKey& key, const Ciphertext& model,
                      const Digest& job, const Seed& noise_seed);

}  // namespace cipherfit
