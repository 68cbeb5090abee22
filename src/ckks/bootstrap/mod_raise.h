// ModRaise under a sparse secret (encapsulation: Bossuat, Troncoso-Pastoriza and Hubaux, ACNS 2022,
// ePrint 2022/024): a switch to that secret and a switch back, which raises the modulus on its way
// (rlwe/key_switch_single.h).
//
// A ciphertext modulo q_0 with c_0 + c_1 s = m has, as integers, c_0 + c_1 s = m + q_0 I. Each
// coefficient of I is at most (1 + |s|_1)/2 + |m|/q_0 in size. The dense main secret would make
// that hundreds; under the ephemeral secret of weight h = 32 it is at most 16 whatever the
// ciphertext, since (1 + 32)/2 + |m|/q_0 < 17 where |m| < q_0/2. So no message ever fails.
#pragma once

#include "cipherfit/ckks/ciphertext.h"
#include "cipherfit/rlwe/evaluation_keys.h"

#include <cstddef>

namespace cipherfit {

// What the wrapped multiples of q_0 are bounded by.
constexpr std::size_t largest_wraps = (1 + sparse_weight) / 2;

// `a` at level 0 (2 parts), as a ciphertext at `level` of m + q_0 I under the main secret, every
// |I| <= largest_wraps. Its scale is a's.
// Errors, in coefficients: encapsulation, sigma sqrt(N/12) q_0 / p_0 and a rounding (1 + h)/12 in
// variance; release, sigma sqrt(N/12) q_0 / P, which is nothing, and a rounding (1 + 2N/3)/12.
// Keys: sparse encapsulation at level 0, sparse release at `level`.
Ciphertext mod_raise(const EvaluationKeys& keys, const Ciphertext& a, std::size_t level);

}  // namespace cipherfit
