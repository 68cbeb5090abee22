// Encryption under the joint public key: a contributor's side, which holds no secret key.
#pragma once

#include "cipherfit/ckks/ciphertext.h"
#include "cipherfit/rlwe/multiparty/key_shares.h"

namespace cipherfit {

// An encryption of zero (rlwe/owner/multiparty/encrypt_zero.h) plus the message, at the message's
// level. Throws Error(invalid_argument) for a level above the key's.
Ciphertext encrypt(const JointPublicKey& key, const Plaintext& plaintext);

}  // namespace cipherfit
