// Bytes of joint ciphertexts: both parts whole, since neither is uniform from a seed.
#pragma once

#include "cipherfit/ckks/ciphertext.h"
#include "cipherfit/io/bytes.h"
#include "cipherfit/protocol/charter_plan.h"
#include "cipherfit/rlwe/rns_poly.h"
#include "cipherfit/solver/sequences.h"

#include <cstddef>

namespace cipherfit {

// NTT values of level + 1 limbs, packed to the widths of their primes.
void write_poly(ByteWriter& out, const Parameters& parameters, const RnsPoly& poly);
// Untrusted: fails the reader; the polynomial is then empty.
RnsPoly read_poly(ByteReader& in, const Parameters& parameters, std::size_t level);

// The messages of a plan, one after the other, at its levels and scales.
void write_uploaded(ByteWriter& out, const Parameters& parameters, const Ciphertext& ciphertext);
Sequences<Ciphertext> read_uploaded(ByteReader& in, const CharterPlan& plan);

Ciphertext add_ciphertexts(const Parameters& parameters, const Ciphertext& a, const Ciphertext& b);
// Limbs q_0..q_level of a polynomial of more.
RnsPoly first_limbs(const Parameters& parameters, const RnsPoly& poly, std::size_t level);

}  // namespace cipherfit
