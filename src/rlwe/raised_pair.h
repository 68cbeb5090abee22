// Pairs of polynomials modulo Q_l P: sums of key switches before their common division by P
// (double hoisting: Bossuat et al., EUROCRYPT 2021, section 4.2).
#pragma once

#include "cipherfit/rlwe/rns_poly.h"
#include "rlwe/key_switch.h"
#include "rlwe/ring.h"

#include <array>
#include <cstddef>
#include <vector>

namespace cipherfit {

struct RaisedPair {
    std::size_t level = 0;
    std::array<RnsPoly, 2> parts;  // limbs q_0..q_level, then P; NTT values

    RaisedPair copy() const { return {level, {parts[0].copy(), parts[1].copy()}}; }
};

// A new pair, uninitialised unless `zeroed`.
RaisedPair raised_pair(const Ring& ring, std::size_t level, bool zeroed = false);

// P (c_0, c_1) for polynomials modulo Q_level: zero in the special limbs.
RaisedPair lift(const Ring& ring, const std::array<const RnsPoly*, 2>& parts, std::size_t level);

// round(x / P), or round(x / (P q_level)) with one limb fewer, of one polynomial modulo Q_level P,
// which is consumed.
RnsPoly mod_down(const Ring& ring, RnsPoly raised, std::size_t level, bool rescale);

// The same of both parts.
std::vector<RnsPoly> mod_down(const Ring& ring, RaisedPair pair, bool rescale);

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

}  // namespace cipherfit
