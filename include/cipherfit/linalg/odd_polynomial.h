// Labels minus a polynomial sigmoid, the only non-linear step of training.
#pragma once

#include "cipherfit/circuit/operations.h"

#include <cstddef>
#include <span>

namespace cipherfit {

// Levels that labels_minus_odd_polynomial consumes: 1, 2, 3, 3 for degrees 1, 3, 5, 7.
// Throws Error(invalid_argument) for another degree.
std::size_t odd_polynomial_depth(int degree);

// Relinearisations that it costs: 0, 2, 3, 5.
std::size_t odd_polynomial_relinearizations(int degree);

// labels - mask o sum_k odd[k] z^(2k+1), slot by slot, at exactly the scale `target`.
//
// `z` at level l >= depth; `labels` at a level of at least l - depth + 1; `mask`: one value a slot,
// which multiplies the polynomial (0 cleans a slot whatever z holds there, as long as |z| stays
// in the range of the modulus). The mask, the leading coefficient and the change of scale go
// into one plaintext, so that none of them costs a level. odd.back() must not be 0.
// Result: level l - depth. Keys: relinearisation at level l.
Handle labels_minus_odd_polynomial(Operations& operations, const Handle& labels, const Handle& z,
                                   std::span<const double> odd, std::span<const double> mask,
                                   double target);

}  // namespace cipherfit
