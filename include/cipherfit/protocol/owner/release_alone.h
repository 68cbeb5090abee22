// The release of a single owner, by the arithmetic of several: the one holder of a set of one.
#pragma once

#include "cipherfit/base/secure.h"
#include "cipherfit/ckks/ciphertext.h"
#include "cipherfit/rlwe/owner/secret_key.h"
#include "cipherfit/solver/joint/plan.h"

#include <filesystem>

namespace cipherfit {

// What is kept with the key, for its one release.
struct ReleaseAlone {
    Digest job{};                  // names what the key is for
    std::filesystem::path record;  // a file of the key's own, written before anything is opened
    const Seed& noise_seed;  // 32 secret bytes, drawn once: the same request has the same answer
};

// What decode_joint_model() reads, with the plan's noise: it may be given away, unlike what
// decrypting gives.
//
// The noise is enough for ciphertexts whose error the plan's bound B_e is about, and for no others:
// those that train_jointly() makes of encryptions of joint_messages() by encrypt(SecretKey, ...),
// of rows in the plan's ranges. That `model` is such a one is for the caller to make sure:
// `recomputed` is the ciphertext_digest() of what train_jointly() gives here, of the owner's own
// encryptions. A server's word for it is not enough, since a ciphertext made for the purpose has
// an error that shows the key.
//
// Throws Error: invalid_argument for a plan of more than one holder, another key's parameters, or a
// ciphertext that is not at the release's level and scale; fingerprint_mismatch for another
// ciphertext than the one recomputed; what record_release() reports, bad_input for a second one.
RnsPoly release_alone(const JointPlan& plan, const SecretKey& key, const Ciphertext& model,
                      const Digest& recomputed, const ReleaseAlone& alone);

}  // namespace cipherfit
