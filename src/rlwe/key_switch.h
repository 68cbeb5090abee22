// Hybrid key switching (Han and Ki, CT-RSA 2020):
//   ModUp          c mod Q_l  ->  its digits, each raised to Q_l P
//   inner product  sum_d digit_d (b_d, a_d) mod Q_l P
//   ModDown        divided by P (and by q_l, where a rescaling follows), rounded
// One ModUp serves a whole family of rotations (hoisting: Halevi and Shoup, CRYPTO 2018), and one
// ModDown a sum of them (double hoisting: Bossuat et al., EUROCRYPT 2021).
//
// The work goes limb by limb: a limb's transforms, products and sums follow one another while it is
// in the second-level cache. tests/support has the same steps one at a time, and the tests hold
// these functions against them, bit for bit.
//
// Cost at level l with K special primes and D digits, in NTTs of one limb: ModUp (l + 1) +
// D (l + 1 + K) - (l + 1); ModDown of a pair 2 (K + l + 1).
#pragma once

#include "cipherfit/rlwe/evaluation_keys.h"
#include "cipherfit/rlwe/rns_poly.h"
#include "rlwe/ring.h"

#include <array>
#include <cstddef>
#include <span>
#include <vector>

namespace cipherfit {

// The digits of a polynomial, raised. Refers to the limbs of its source, which must outlive it.
struct Decomposition {
    std::size_t level = 0;
    bool transformed = false;                              // whether `raised` holds NTT values
    std::vector<RnsPoly> raised;                           // per digit, the limbs not its own
    std::vector<std::vector<const std::uint64_t*>> limbs;  // [digit][limb of Q_l P]
};

// `source`: NTT values with at least level + 1 limbs, of which the first level + 1 count. raise()
// leaves the raised limbs as coefficients, for the switch_key that transforms them on its way.
Decomposition raise(const Ring& ring, const RnsPoly& source, std::size_t level);
Decomposition decompose(const Ring& ring, const RnsPoly& source, std::size_t level);

// One use of a decomposition.
struct KeySwitch {
    const SwitchingKey* key = nullptr;         // may be of a higher level
    std::array<const RnsPoly*, 2> added{};     // modulo Q_l, to the two parts, or nullptr
    const Permutation* permutation = nullptr;  // applied to the result, or nullptr
};

// permutation(round(sum_d digit_d (b_d, a_d) / P) + added), the two parts; with `rescale` divided
// by P q_l at once, with one limb fewer and one rounding. The first form transforms the digits in
// place where raise() left them as coefficients.
std::vector<RnsPoly> switch_key(const Ring& ring, Decomposition& digits, const KeySwitch& request,
                                bool rescale = false);
std::vector<RnsPoly> switch_key(const Ring& ring, const Decomposition& digits,
                                const KeySwitch& request, bool rescale = false);

// The sum of the results of several requests on one decomposition, with one ModDown and one
// rounding for all of them. At least one request; each with a permutation.
std::vector<RnsPoly> switch_keys_and_sum(const Ring& ring, const Decomposition& digits,
                                         std::span<const KeySwitch> requests);

}  // namespace cipherfit
