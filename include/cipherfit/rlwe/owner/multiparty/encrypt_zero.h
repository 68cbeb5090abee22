// Encryptions of zero under the joint public key.
//
// An encryption modulo Q_level p_0 is divided by p_0 and rounded:
//     c_0 = round((b u + e_0) / p_0),  c_1 = round((a u + e_1) / p_0),  u ternary,
// so that what is left of the errors is that of the rounding, (1 + 2 t N / 3) / 12 a coefficient,
// instead of sigma^2 (1 + 4 t N / 3): a deviation up to 16 times smaller (noise.h).
#pragma once

#include "cipherfit/rlwe/multiparty/key_shares.h"
#include "cipherfit/rlwe/rns_poly.h"

#include <vector>

namespace cipherfit {

// (c_0, c_1) of level + 1 limbs, NTT values. Randomness: the system's CSPRNG. Throws
// Error(invalid_argument) for a level above the key's.
std::vector<RnsPoly> encrypt_zero(const JointPublicKey& key, std::size_t level);

}  // namespace cipherfit
