// Several messages in one bootstrapping, and pairs of them as real and imaginary part.
//
// Slots that repeat with a period of p are those of a polynomial in Y = X^(N / (2 p)). With c a
// power of two, c such polynomials m_b make one of period c p,
//     m = sum_b Z^b m_b(Y),   Z = X^(N / (2 c p)),  Z^c = Y,
// whose coefficients are theirs, one after the other: a bootstrapping, which works on coefficients,
// finds none that is larger than theirs. Multiplying by a power of X is exact and free of noise.
// The rotation by half of a period maps Z to -Z, so that m and its rotation give the blocks of even
// and of odd b, and these theirs in turn.
#pragma once

#include "cipherfit/ckks/ciphertext.h"
#include "cipherfit/ckks/evaluator.h"
#include "cipherfit/rlwe/evaluation_keys.h"
#include "rlwe/ring.h"

#include <cstddef>
#include <utility>
#include <vector>

namespace cipherfit {

// X^power times the polynomial, 0 <= power < 2N; level and scale stay.
Ciphertext multiply_by_power(const Ring& ring, const Ciphertext& a, std::size_t power);

// The blocks, of one scale and level, whose slots repeat with `period`, as one ciphertext of
// `count` periods: a power of two, at least the number of blocks; blocks that are missing are zero.
Ciphertext interleave(const Evaluator& evaluator, const std::vector<Ciphertext>& blocks,
                      std::size_t period, std::size_t count);
// `count` times each of the first `blocks` of them, in their order: 1 KS for every two ciphertexts
// that come out of one. Messages that were interleaved are read with_factor(1 / count).
std::vector<Ciphertext> take_apart(const Evaluator& evaluator, Ciphertext joined,
                                   std::size_t period, std::size_t count, std::size_t blocks);
// The keys of take_apart() at a level.
KeyRequest take_apart_keys(std::size_t slots, std::size_t period, std::size_t count,
                           std::size_t level);

// Real and imaginary part of every slot, at twice the scale: 1 KS.
std::pair<Ciphertext, Ciphertext> split_pair(const Evaluator& evaluator, const Ciphertext& both);

}  // namespace cipherfit
