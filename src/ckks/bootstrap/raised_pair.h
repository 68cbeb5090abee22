// Pairs of polynomials modulo Q_l P: sums of key switches before their common division by P.
#pragma once

#include "cipherfit/ckks/ciphertext.h"
#include "cipherfit/rlwe/rns_poly.h"
#include "rlwe/ring.h"

#include <array>
#include <cstddef>

namespace cipherfit {

struct RaisedPair {
    std::size_t level = 0;
    std::array<RnsPoly, 2> parts;  // limbs q_0..q_level, then P; NTT values

    RaisedPair copy() const { return {level, {parts[0].copy(), parts[1].copy()}}; }
};

// A new pair, uninitialised unless `zeroed`.
RaisedPair raised_pair(const Ring& ring, std::size_t level, bool zeroed = false);

// P (c_0, c_1): zero in the special limbs.
RaisedPair lift(const Ring& ring, const Ciphertext& a);

// round(x / P), or round(x / (P q_level)) with one limb fewer, of one polynomial modulo Q_level P,
// which is consumed.
RnsPoly mod_down(const Ring& ring, RnsPoly raised, std::size_t level, bool rescale);

// The ciphertext that a pair stands for, divided by P, and by q_level where `rescale` is set;
// `scale` is that of the pair divided by P. Consumes its argument.
Ciphertext lower(const Ring& ring, RaisedPair pair, double scale, bool rescale);

}  // namespace cipherfit
