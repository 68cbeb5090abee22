// Hybrid key switching (Han and Ki, CT-RSA 2020), cut where the next step wants it:
//   decompose   c mod Q_l  ->  its digits, each raised to Q_l P (ModUp)
//   inner_product          sum_d digit_d (b_d, a_d) mod Q_l P
//   mod_down               divided by P (and by q_l, where a rescaling follows), rounded
// One decomposition serves a whole family of rotations (hoisting: Halevi and Shoup, CRYPTO 2018).
//
// Cost at level l with K special primes and D digits, in NTTs of one limb: decompose (l + 1) +
// D (l + 1 + K) - (l + 1); mod_down of a pair 2 (K + l + 1).
#pragma once

#include "cipherfit/rlwe/evaluation_keys.h"
#include "cipherfit/rlwe/rns_poly.h"
#include "rlwe/ring.h"

#include <array>
#include <cstddef>
#include <vector>

namespace cipherfit {

// The digits of a polynomial, raised. Refers to the limbs of its source, which must outlive it.
struct Decomposition {
    std::size_t level = 0;
    std::vector<RnsPoly> raised;                           // per digit, the limbs not its own
    std::vector<std::vector<const std::uint64_t*>> limbs;  // [digit][limb of Q_l P]
};

// A pair of polynomials modulo Q_l P.
struct RaisedPair {
    std::size_t level = 0;
    std::array<RnsPoly, 2> parts;
};

// `source`: NTT values with at least level + 1 limbs, of which the first level + 1 count.
Decomposition decompose(const Ring& ring, const RnsPoly& source, std::size_t level);

// The key may be of a higher level. Adds into `sum` where it is given (same level).
RaisedPair inner_product(const Ring& ring, const Decomposition& digits, const SwitchingKey& key);
void add_inner_product(const Ring& ring, const Decomposition& digits, const SwitchingKey& key,
                       RaisedPair& sum);

// Adds P c, c modulo Q_l: what makes mod_down return c + (key switching's part).
void add_lifted(const Ring& ring, RnsPoly& raised, const RnsPoly& c, std::size_t level);

// round(x / P), or round(x / (P q_level)) with one limb fewer. Consumes its argument.
RnsPoly mod_down(const Ring& ring, RnsPoly raised, std::size_t level, bool rescale);

}  // namespace cipherfit
