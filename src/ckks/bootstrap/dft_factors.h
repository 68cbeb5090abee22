// The encoder's transform (math/special_fft.h) as a product of a few sparse matrices, for
// CoeffsToSlots and SlotsToCoeffs (Cheon, Han and Hhan, "Faster homomorphic discrete Fourier
// transforms", 2018; Bossuat et al., EUROCRYPT 2021, section 4).
//
// For n slots let t_k = c_k + i c_{k+n} be the message's 2n coefficients as n complex numbers, and
// slots = U t. U has log2(n) butterfly stages after a permutation, which is left out: the
// coefficients come out, and go back in, in bit-reversed order, and what lies between works slot by
// slot.
//
// Where there is room (n < N/2), real and imaginary parts lie side by side in one vector of 2n
// slots.
#pragma once

#include "ckks/bootstrap/diagonal_matrix.h"

#include <cstddef>
#include <vector>

namespace cipherfit {

// How many stages each of `factors` matrices takes: as even as can be, the larger ones first.
// Throws Error(invalid_argument) unless 1 <= factors <= log_slots.
std::vector<std::size_t> split_stages(unsigned log_slots, std::size_t factors);

// In the order in which they are applied. Their product is n U^-1, bit-reversed, of size n; with
// `side_by_side` the last one has size 2n and maps (v | v) to (w | -i w), whose real part doubled
// is (2 Re t | 2 Im t) times n. A matrix that takes m stages has 2^(m+1) - 1 diagonals; the first
// one, which wraps, 2^m.
std::vector<DiagonalMatrix> coeffs_to_slots_factors(unsigned log_slots,
                                                    const std::vector<std::size_t>& stages,
                                                    bool side_by_side);

// In the order in which they are applied: their product is U after bit-reversal. With
// `side_by_side` the first has size 2n and maps (a | b) to (w_a | w_b), so that w_a + w_b, which is
// left to the caller, is that of a + i b; the others have size n. `stages` is in the order of
// application.
std::vector<DiagonalMatrix> slots_to_coeffs_factors(unsigned log_slots,
                                                    const std::vector<std::size_t>& stages,
                                                    bool side_by_side);

}  // namespace cipherfit
