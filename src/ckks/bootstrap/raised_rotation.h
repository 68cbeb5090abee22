// Automorphisms of a ciphertext whose sum is wanted, not they themselves: their key switches are
// added up modulo Q_l P, and divided by P once (double hoisting: Bossuat et al., EUROCRYPT 2021,
// section 4.2).
#pragma once

#include "cipherfit/ckks/ciphertext.h"
#include "cipherfit/rlwe/evaluation_keys.h"
#include "ckks/bootstrap/raised_pair.h"
#include "rlwe/key_switch.h"

#include <cstddef>
#include <span>

namespace cipherfit {

// f(c_0 + (key switch of the digits)) modulo Q_l P, where f is the automorphism of the key and the
// digits, transformed, are those of c_1: into `out`, or added to it. c_0 is modulo Q_l and is
// multiplied by P on the way.
void rotate_raised(const Ring& ring, const Decomposition& digits, const RnsPoly& c0,
                   const SwitchingKey& key, RaisedPair& out, bool add);

// The same for (c_0, c_1) modulo Q_l P: only c_1, which is consumed, is divided by P, in order to
// be decomposed. c_0 may be that of `out`.
void rotate_raised_pair(const Ring& ring, const RnsPoly& c0, RnsPoly c1, const SwitchingKey& key,
                        RaisedPair& out, bool add);

// (a + f(a), a - f(a)) modulo Q_l P.
struct SumAndDifference {
    RaisedPair sum, difference;
};
SumAndDifference add_and_subtract(const Ring& ring, const RaisedPair& a, const SwitchingKey& key);
// a + f(a).
RaisedPair add_automorphism(const Ring& ring, RaisedPair a, const SwitchingKey& key);

// a + sum of f(a) over the automorphisms of `ids`: one decomposition, one division by P.
Ciphertext sum_of_automorphisms(const EvaluationKeys& keys, const Ciphertext& a,
                                std::span<const KeyId> ids);

// The complex conjugate of every slot. Needs the key of conjugation. 1 KS.
Ciphertext conjugate(const EvaluationKeys& keys, const Ciphertext& a);

}  // namespace cipherfit
