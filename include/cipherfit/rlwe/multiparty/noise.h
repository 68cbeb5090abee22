// Noise of joint keys and ciphertexts, derived: docs/design/multiparty.md.
//
// All are variances of one coefficient of an error polynomial, for a joint secret of t summands
// (variance 2 t / 3 a coefficient), errors of deviation sigma = 3.2 and roundings of variance 1/12.
// A product of independent polynomials has N times the product of the variances.
#pragma once

#include "cipherfit/rlwe/parameters.h"

#include <cstddef>

namespace cipherfit {

class JointNoise {
  public:
    // Throws Error(invalid_argument) for 0 dealers.
    JointNoise(const Parameters& parameters, unsigned dealers);

    double secret() const noexcept;               // 2 t / 3
    double public_key() const noexcept;           // t sigma^2
    double switching_key() const noexcept;        // t sigma^2
    double relinearization_key() const noexcept;  // sigma^2 t (4 N t / 3 + 2)
    // An encryption of zero: (sigma^2 (1 + 4 t N / 3)) / p_0^2 + (1 + 2 t N / 3) / 12.
    double encryption() const noexcept;
    // The division by P or by a prime: (1 + 2 t N / 3) / 12.
    double rounding() const noexcept;
    // Switching at a level, before the division's rounding: N v / 12 sum_d (Q_d / P)^2, v the
    // variance of the key's error and Q_d the product of digit d's primes.
    double switching(std::size_t level, double key_variance) const;
    // What t holders add in a release.
    double release(double sigma, unsigned holders) const noexcept;

  private:
    Parameters parameters_;
    double dealers_;
    double n_;
};

}  // namespace cipherfit
