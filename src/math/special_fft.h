// The canonical embedding's FFT: between real polynomial coefficients and the N/2 complex slots
// (Cheon, Kim, Kim and Song, ASIACRYPT 2017, section 3; slots ordered by powers of 5, so that
// X -> X^5 rotates them by one to the left).
#pragma once

#include <complex>
#include <cstddef>
#include <span>
#include <vector>

namespace cipherfit {

class SpecialFft {
  public:
    // For rings of degree N = 2^log_n, 2 <= log_n <= 17.
    static SpecialFft create(unsigned log_n);
    std::size_t slots() const noexcept { return roots_.size() / 4; }

    // values[j], j < N/2, becomes the slot values sum_k c_k zeta^(5^j k) of the real polynomial
    // whose coefficients are c_k = Re values[k], c_{k + N/2} = Im values[k]. In place.
    void to_slots(std::span<std::complex<double>> values) const;
    // The inverse, division by N/2 included.
    void to_coefficients(std::span<std::complex<double>> values) const;

  private:
    SpecialFft() = default;
    std::vector<std::complex<double>> roots_;  // exp(2 pi i k / 2N), k < 2N
    std::vector<std::size_t> powers_of_5_;     // 5^j mod 2N, j < N/2
};

}  // namespace cipherfit
