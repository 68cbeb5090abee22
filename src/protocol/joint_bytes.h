// Bytes of joint ciphertexts: both parts whole, since neither is uniform from a seed.
#pragma once

#include "cipherfit/io/bytes.h"
#include "cipherfit/rlwe/rns_poly.h"
#include "cipherfit/solver/joint/training.h"

#include <cstddef>

namespace cipherfit {

// NTT values of level + 1 limbs, packed to the widths of their primes.
void write_poly(ByteWriter& out, const Parameters& parameters, const RnsPoly& poly);
// Untrusted: fails the reader; the polynomial is then empty.
RnsPoly read_poly(ByteReader& in, const Parameters& parameters, std::size_t level);

// A contribution, at the plan's level and scales, and back.
void write_contribution(ByteWriter& out, const JointPlan& plan,
                        const JointContribution& contribution);
JointContribution read_contribution(ByteReader& in, const JointPlan& plan);

}  // namespace cipherfit
