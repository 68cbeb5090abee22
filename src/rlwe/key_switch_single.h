// Key switching with a single digit: the two switches of sparse-secret encapsulation (Bossuat,
// Troncoso-Pastoriza and Hubaux, ACNS 2022, ePrint 2022/024). evaluation_keys.h has the keys.
//
// The steps are those of key_switch.h with D = 1. What is switched is a pair (c_0, c_1) modulo q_0
// alone, so that ModUp needs no base conversion: c_1, centred, is read modulo the other primes.
//     ModUp          d = c_1 centred, |d| <= q_0 / 2
//     inner product  d (b, a), plus the key's special modulus times c_0 on the first part
//     ModDown        divided by that modulus, rounded
#pragma once

#include "cipherfit/rlwe/evaluation_keys.h"
#include "cipherfit/rlwe/rns_poly.h"
#include "rlwe/raised_pair.h"
#include "rlwe/ring.h"

#include <array>
#include <cstddef>

namespace cipherfit {

// A pair modulo q_0, one limb each, as coefficients.
using LowestPair = std::array<RnsPoly, 2>;

// (c_0 + round(d b / p_0), round(d a / p_0)) modulo q_0, with a key modulo q_0 p_0: one digit of 2
// limbs, made at level 0 (sparse encapsulation). The first special prime is the key's only one,
// however many the ring has.
//   c_0, c_1: NTT values, of which the first limb counts. The level stays 0, the scale as well.
//   Error, in coefficients: sigma sqrt(N / 12) q_0 / p_0, and a rounding.
//   Cost in NTTs of one limb: 7.
LowestPair switch_single(const Ring& ring, const RnsPoly& c0, const RnsPoly& c1,
                         const SwitchingKey& key);

// (P c_0 + d b, d a) modulo Q_level P, not yet divided by P, with a key of one digit (sparse
// release) that was made at `level` or above. c_0 is taken centred as well: this is what raises
// the pair's modulus from q_0 to Q_level, and its integers are those that the residues stand for.
//   The result is NTT values; divided by P it has the scale of `pair`, which is left as it is.
//   Error after that division, in coefficients: sigma sqrt(N / 12) q_0 / P, and a rounding.
//   Cost at level l with K special primes, in NTTs of one limb: 2 (l + 1) + K.
RaisedPair switch_single_raised(const Ring& ring, const LowestPair& pair, const SwitchingKey& key,
                                std::size_t level);

}  // namespace cipherfit
