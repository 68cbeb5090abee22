// How exact a result is, as a number of bits.
#pragma once

#include <complex>
#include <cstddef>
#include <span>

namespace cipherfit {

// Statistics of the errors |actual_j - expected_j|. They are complex distances, so that the
// imaginary part counts.
struct PrecisionStats {
    double mean_error = 0;
    double worst_error = 0;
    std::size_t values = 0;

    // -log2 of the mean and of the largest error; infinite where there is none.
    double mean_bits() const noexcept;
    double worst_bits() const noexcept;
    // As if both sets of values had been measured in one.
    void merge(const PrecisionStats& other) noexcept;
};

// Throws Error(invalid_argument) unless there are as many values of both, at least one.
PrecisionStats precision(std::span<const std::complex<double>> actual,
                         std::span<const std::complex<double>> expected);

}  // namespace cipherfit
