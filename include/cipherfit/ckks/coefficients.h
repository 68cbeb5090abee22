// Plaintexts from coefficients rather than from slots: for messages whose packing is a matter of
// the polynomial.
#pragma once

#include "cipherfit/ckks/ciphertext.h"
#include "cipherfit/rlwe/parameters.h"

#include <cstddef>
#include <span>

namespace cipherfit {

// The polynomial with these N real coefficients times the scale, each product rounded to an
// integer; below 2^120, so that scales of 60 bits and more are served to the last bit of the
// coefficients' mantissas. Throws Error(invalid_argument) for another number of them, a level or a
// scale out of range, values that are not finite or do not fit the level's modulus.
Plaintext encode_coefficients(const Parameters& parameters,
                              std::span<const long double> coefficients, std::size_t level,
                              double scale);

}  // namespace cipherfit
