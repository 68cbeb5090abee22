// Shares of joint keys, their sums, and the keys that the sums are: what the server may hold.
//
// The joint secret is s = sum of the dealers' summands s_i, each uniform ternary (Mouchet,
// Troncoso-Pastoriza, Bossuat and Hubaux, PETS 2021, ePrint 2020/304). Public polynomials a come
// from the common randomness. The share of dealer i, with fresh errors e:
//     public key, modulo Q p_0:        -a s_i + e
//     switching key (f^-1 of s):       -a_d f^-1(s_i) + e_d + P g_d s_i         for each digit d
//     relinearisation, round 1:        h0_d = -a_d u_i + P g_d s_i + e0_d,  h1_d = a_d s_i + e1_d
//     relinearisation, round 2:        s_i h0_d + (u_i - s_i) h1_d + e2_d + e3_d
// with u_i ternary, and h0, h1 the sums of round 1. The paper sends the two halves of round 2 one
// by one; their sum, with both errors in it, is all that the key needs. The joint keys are
//     (sum, a),   and for relinearisation (sum of round 2, h1),   with the phase
//     b_d + a'_d s = P g_d s^2 + s e0_d + u e1_d + e2_d + e3_d.
// They have the types of a single owner's keys and serve the evaluator as those do. Noise: noise.h.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/base/secure.h"
#include "cipherfit/rlwe/evaluation_keys.h"
#include "cipherfit/rlwe/multiparty/common_randomness.h"
#include "cipherfit/rlwe/parameters.h"
#include "cipherfit/rlwe/rns_poly.h"

#include <cstdint>
#include <span>
#include <vector>

namespace cipherfit {

// A share, or a sum of shares: it is public in either case. NTT values.
struct KeyShare {
    ShareKind kind = ShareKind::public_key;
    KeyId id;               // of a switching key; relinearization() for all others
    std::size_t level = 0;  // the key's; max_level() for the public key
    // Public key: one polynomial modulo Q p_0. Others: one a digit, modulo Q_level P; round 1 of
    // relinearisation has all h0, then all h1.
    std::vector<RnsPoly> polys;
};

// How many polynomials a share has, and of how many limbs (q_0..q_level, then special primes).
struct ShareShape {
    std::size_t polys = 0;
    std::size_t q_limbs = 0;
    std::size_t p_limbs = 0;
    std::size_t limbs() const noexcept { return q_limbs + p_limbs; }
};
// Throws Error(invalid_argument) for a level above the parameters', for a public key below the
// highest level, and for keys that cannot be made from shares (those of encapsulation).
ShareShape share_shape(const Parameters& parameters, ShareKind kind, KeyId id, std::size_t level);

// Whether kind, id, level, shape and every residue fit: for shares from outside. Never throws.
Expected<void> check_share(const Parameters& parameters, const KeyShare& share);

// SHA-256 of the parameters' fingerprint, kind, id, level and all residues.
Digest digest(const Parameters& parameters, const KeyShare& share);

// The sum of at least one share of the same key. Throws Error(invalid_argument) where they differ
// in kind, id, level or shape.
KeyShare sum_shares(const Parameters& parameters, std::span<const KeyShare> shares);

// Recomputes the sum from the signed shares and compares: for everyone who is given a sum by
// somebody else. The error (corrupt_data) says which key's sum is false.
Expected<void> verify_sum(const Parameters& parameters, std::span<const KeyShare> shares,
                          const KeyShare& claimed);

// The key that contributors encrypt under: (b, a) modulo Q p_0 with b = -a s + e.
struct JointPublicKey {
    Parameters parameters;
    RnsPoly b, a;  // limbs q_0..q_L, p_0; NTT values
};

// From the sum of all dealers' shares. Throw Error(invalid_argument) for a sum of another kind.
JointPublicKey joint_public_key(const Parameters& parameters, const Seed& common, KeyShare sum);
SwitchingKey joint_switching_key(const Parameters& parameters, const Seed& common, KeyShare sum);
SwitchingKey joint_relinearization_key(const Parameters& parameters, KeyShare sum_one,
                                       KeyShare sum_two);

}  // namespace cipherfit
