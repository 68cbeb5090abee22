// Between vectors of numbers and plaintexts. Needs no key: both parties encode, only the owner
// decodes something that was secret.
#pragma once

#include "cipherfit/ckks/ciphertext.h"
#include "cipherfit/rlwe/parameters.h"

#include <complex>
#include <cstddef>
#include <span>
#include <vector>

namespace cipherfit {

class SpecialFft;

class Encoder {
  public:
    explicit Encoder(const Parameters& parameters);

    // Slot j holds values[j], the slots behind the last value hold 0. The error of a slot is at
    // most N/2 / scale (each of N coefficients is rounded by at most 1/2), typically
    // sqrt(N/12) / scale. Throws Error(invalid_argument) for more values than slots, values that
    // are not finite, or a product with the scale that does not fit the level's modulus.
    Plaintext encode(std::span<const double> values, std::size_t level, double scale) const;
    Plaintext encode(std::span<const std::complex<double>> values, std::size_t level,
                     double scale) const;

    // All N/2 slots. Exact where |message * scale| stays below half of q_0 q_1 (q_0 at level 0);
    // throws Error(invalid_argument) where the scale alone does not.
    std::vector<double> decode(const Plaintext& plaintext) const;
    std::vector<std::complex<double>> decode_complex(const Plaintext& plaintext) const;

  private:
    Parameters parameters_;
    const SpecialFft* fft_;  // shared, of the whole process
};

// The largest coefficient, in size, of the real polynomial whose slots are `slots` over and over,
// before any scale: at most the largest |slot|, and smaller by about the square root of their
// number where they have no pattern. Throws Error(invalid_argument) unless their number is a power
// of two, 2 at least.
double largest_coefficient(std::span<const std::complex<double>> slots);

}  // namespace cipherfit
