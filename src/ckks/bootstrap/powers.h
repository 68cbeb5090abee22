// Multiplication by powers of X, exact and free of noise, and pairs of messages as real and
// imaginary part.
#pragma once

#include "cipherfit/ckks/ciphertext.h"
#include "cipherfit/ckks/evaluator.h"
#include "rlwe/ring.h"

#include <cstddef>
#include <utility>

namespace cipherfit {

// X^power times the polynomial, 0 <= power < 2N; level and scale stay.
Ciphertext multiply_by_power(const Ring& ring, const Ciphertext& a, std::size_t power);

// Real and imaginary part of every slot, at twice the scale: 1 KS.
std::pair<Ciphertext, Ciphertext> split_pair(const Evaluator& evaluator, const Ciphertext& both);

}  // namespace cipherfit
