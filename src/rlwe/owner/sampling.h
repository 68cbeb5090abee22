// The samplers of secrets. Constant-time: no branch and no address depends on a value that is kept.
#pragma once

#include "cipherfit/base/secure.h"
#include "cipherfit/rlwe/rns_poly.h"
#include "rlwe/ring.h"

#include <cstdint>
#include <span>

namespace cipherfit {

// Standard deviation of the errors.
constexpr double error_sigma = 3.2;
// No error is larger: beyond it the tail weighs less than 2^-63.
constexpr int largest_error = 30;

// Draws secrets from a key stream whose seed comes from the system's CSPRNG and is wiped.
class SecretSampler {
  public:
    SecretSampler();
    // From a seed that is as secret as what is drawn.
    explicit SecretSampler(const Seed& seed);
    // Uniform in {-1, 0, 1}: bytes below 255, reduced modulo 3.
    void ternary(std::span<std::int8_t> out);
    // `weight` coefficients 1 or -1 at distinct uniform places, 0 elsewhere. The number of
    // coefficients must be a power of two of at least twice the weight. Repeated draws of a place
    // are rejected, which says nothing about the places that are kept.
    void sparse_ternary(std::span<std::int8_t> out, std::size_t weight);
    // The discrete Gaussian of parameter error_sigma on {-30..30}: 63 random bits against the
    // cumulative table of the magnitude, one bit of sign.
    void gaussian(std::span<std::int8_t> out);

  private:
    KeyStream stream_;
};

// Small signed coefficients (N of them) as NTT values in limbs 0..limbs-1, whose primes are
// ring.prime_of_limb(., level). Constant-time in the coefficients.
RnsPoly small_to_ntt(const Ring& ring, std::span<const std::int8_t> coefficients, std::size_t limbs,
                     std::size_t level);

}  // namespace cipherfit
