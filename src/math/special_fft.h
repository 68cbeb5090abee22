// The canonical embedding's FFT: between real polynomial coefficients and the N/2 complex slots
// (Cheon, Kim, Kim and Song, ASIACRYPT 2017, section 3; slots ordered by powers of 5, so that
// X -> X^5 rotates them by one to the left).
#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace cipherfit {

class SpecialFft {
  public:
    // For rings of degree N = 2^log_n, 2 <= log_n <= 17; throws Error(invalid_argument) otherwise.
    static SpecialFft create(unsigned log_n);
    // The same, made once for the whole process and shared by all threads.
    static const SpecialFft& shared(unsigned log_n);
    std::size_t slots() const noexcept { return bit_reversed_.size(); }

    // exp(2 pi i (5^j mod 8 half) / (8 half)) for j < half, half = 1, 2, 4, ..., N/4: the stage
    // that joins the halves of blocks of 2 half values maps (x, y) to (x + w y, x - w y), w the
    // j-th.
    std::span<const std::complex<double>> stage(std::size_t half) const {
        return std::span(twiddles_).subspan(half, half);
    }

    // values[j], j < N/2, becomes the slot values sum_k c_k zeta^(5^j k) of the real polynomial
    // whose coefficients are c_k = Re values[k], c_{k + N/2} = Im values[k]. In place.
    void to_slots(std::span<std::complex<double>> values) const;
    // The inverse, division by N/2 included. Both throw Error(invalid_argument) unless there are
    // N/2 values.
    void to_coefficients(std::span<std::complex<double>> values) const;

  private:
    SpecialFft() = default;
    // exp(2 pi i (5^j mod 4L) / 4L) at index L/2 + j, j < L/2: the factors of the stage that joins
    // halves of blocks of L = 2, 4, ..., N/2 values, in the order in which it reads them.
    std::vector<std::complex<double>> twiddles_;
    std::vector<std::uint32_t> bit_reversed_;  // of log2(N/2) bits
};

}  // namespace cipherfit
