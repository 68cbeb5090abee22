// What an attacker looks at: polynomials as integers, and whether they could be a secret.
#pragma once

#include "rlwe/multiparty/parties.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <utility>

namespace cipherfit::test {

inline Integers to_integers(const Ring& ring, RnsPoly limb, std::size_t prime) {
    ring.inverse(limb.limb(0), prime);
    Integers result(ring.n());
    std::transform(limb.limb(0), limb.limb(0) + ring.n(), result.begin(),
                   [&](std::uint64_t x) { return centred(x, ring.modulus(prime)); });
    return result;
}

// How many coefficients could be those of a sum of t ternary summands.
inline std::size_t small_coefficients(const Integers& values, std::int64_t bound) {
    return static_cast<std::size_t>(
        std::ranges::count_if(values, [&](std::int64_t x) { return std::abs(x) <= bound; }));
}

}  // namespace cipherfit::test
