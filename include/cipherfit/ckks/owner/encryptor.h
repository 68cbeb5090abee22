// Encryption and decryption: the owner's side of CKKS.
#pragma once

#include "cipherfit/ckks/ciphertext.h"
#include "cipherfit/rlwe/owner/secret_key.h"

namespace cipherfit {

// c_1 = a from a fresh seed, c_0 = -a s + m + e. Half the size when sent, and less noise than
// public-key encryption: standard deviation 3.2 sqrt(N) / scale a slot.
SeededCiphertext encrypt_seeded(const SecretKey& key, const Plaintext& plaintext);
Ciphertext encrypt(const SecretKey& key, const Plaintext& plaintext);

// (b u + e_0 + m, a u + e_1) with u ternary: for parties that hold no secret key.
Ciphertext encrypt(const PublicKey& key, const Plaintext& plaintext);

// c_0 + c_1 s (+ c_2 s^2). At most the two lowest limbs are computed, which is all that decoding
// reads. The result still carries the scheme's error, from which the key can be learnt: never give
// it to others (SECURITY.md).
Plaintext decrypt(const SecretKey& key, const Ciphertext& ciphertext);

}  // namespace cipherfit
