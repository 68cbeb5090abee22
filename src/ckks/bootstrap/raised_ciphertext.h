// Ciphertexts modulo Q_l P, and back (rlwe/raised_pair.h).
#pragma once

#include "cipherfit/ckks/ciphertext.h"
#include "rlwe/raised_pair.h"

#include <utility>

namespace cipherfit {

// P times a ciphertext of two parts.
inline RaisedPair lift(const Ring& ring, const Ciphertext& a) {
    return lift(ring, {&a.part(0), &a.part(1)}, a.level());
}

// The ciphertext that a pair stands for, divided by P, and by q_level where `rescale` is set;
// `scale` is that of the pair divided by P. Consumes its argument.
inline Ciphertext lower(const Ring& ring, RaisedPair pair, double scale, bool rescale) {
    const std::size_t level = pair.level;
    const double divisor = rescale ? static_cast<double>(ring.modulus(level).value) : 1.0;
    return {mod_down(ring, std::move(pair), rescale),
            {rescale ? level - 1 : level, scale / divisor}};
}

}  // namespace cipherfit
