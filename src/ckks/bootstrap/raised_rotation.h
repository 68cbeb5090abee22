// Automorphisms of a ciphertext whose sum is wanted, not they themselves: their key switches are
// added up modulo Q_l P, and divided by P once (double hoisting: Bossuat et al., EUROCRYPT 2021,
// section 4.2).
#pragma once

#include "cipherfit/ckks/ciphertext.h"
#include "cipherfit/rlwe/evaluation_keys.h"
#include "rlwe/key_switch.h"

#include <cstddef>
#include <span>

namespace cipherfit {

// P (c_0, c_1) modulo Q_l P: zero in the special limbs.
RaisedPair lift(const Ring& ring, const Ciphertext& a);

// What goes with 1, and not with the secret, in a rotation: c_0 modulo Q_l, which is multiplied by
// P on the way, or a polynomial modulo Q_l P, which is taken as it is.
struct RotatedPart {
    const RnsPoly* poly = nullptr;
    bool raised = false;
};

// f(c_0 + (key switch of the digits)) modulo Q_l P, where f is the automorphism of the key: into
// `out`, or added to it. `out` has the digits' level.
void rotate_raised(const Ring& ring, const Decomposition& digits, RotatedPart c0,
                   const SwitchingKey& key, RaisedPair& out, bool add);

// The ciphertext that a pair stands for, divided by P, and by q_level where `rescale` is set: level
// and scale are those before. Consumes its argument.
Ciphertext lower(const Ring& ring, RaisedPair pair, double scale, bool rescale);

// a + sum of f(a) over the automorphisms of `ids`: one decomposition, one division by P.
Ciphertext sum_of_automorphisms(const EvaluationKeys& keys, const Ciphertext& a,
                                std::span<const KeyId> ids);

// f(a) modulo Q_l P for a pair (c_0, c_1) modulo Q_l P: only c_1, which is consumed, is divided by P,
// in order to be decomposed. Into `out`, or added to it; c_0 may be that of `out`.
void rotate_raised(const Ring& ring, const RnsPoly& c0, RnsPoly c1, const SwitchingKey& key,
                   RaisedPair& out, bool add);

// (a + f(a), a - f(a)) modulo Q_l P.
struct SumAndDifference {
    RaisedPair sum, difference;
};
SumAndDifference add_and_subtract(const Ring& ring, const RaisedPair& a, const SwitchingKey& key);
// a + f(a).
RaisedPair add_automorphism(const Ring& ring, RaisedPair a, const SwitchingKey& key);

// A new pair modulo Q_level P, uninitialised unless `zeroed`.
RaisedPair raised_pair(const Ring& ring, std::size_t level, bool zeroed = false);

// The complex conjugate of every slot. Needs the key of conjugation. 1 KS.
Ciphertext conjugate(const EvaluationKeys& keys, const Ciphertext& a);

}  // namespace cipherfit
