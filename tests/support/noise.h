// The noise of CKKS, derived, so that no test guesses a tolerance.
//
// Notation: an error polynomial e with independent coefficients of mean 0 and variance v has the
// slot values e(zeta_j) = sum_k e_k zeta_j^k, complex numbers with E|e(zeta_j)|^2 = N v (every
// |zeta_j^k| = 1). A "variance" below is that number, in units of the encoded polynomial: divide by
// scale^2 for the message's units. A product of polynomials is a product of slot values, so
// that E|(e f)(zeta)|^2 = N v_e * N v_f for independent e and f. The uniform ternary secret has
// v = 2/3, the errors v = sigma^2 = 10.24, a rounding v = 1/12.
//
//   encoding             round(m scale): N / 12
//   fresh, secret key    e and the encoding's rounding: N (sigma^2 + 1/12)
//   fresh, public key    e' u + e_0 + e_1 s and the rounding, e' the public key's error:
//                        N (sigma^2 (4 N / 3 + 1) + 1/12)
//   rescaling            the roundings of c_0, of c_1 times s (and of c_2 times s^2, for which
//                        E|s(zeta)|^4 = 2 (2 N / 3)^2): N / 12 (1 + 2 N / 3 [+ 2 (2 N / 3)^2])
//   key switching        sum_d digit_d e_d / P, where digit_d is uniform in (-D_d/2, D_d/2], D_d
//                        the product of the digit's primes, hence of variance D_d^2 / 12; then the
//                        division's roundings as in rescaling. With a rescaling the same, the first
//                        term divided by q_level^2.
#pragma once

#include "cipherfit/rlwe/parameters.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <span>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit::test {

using Slots = std::vector<std::complex<double>>;

class RingNoise {
  public:
    explicit RingNoise(const Parameters& parameters)
        : parameters_(parameters), n_(static_cast<double>(parameters.n())) {}

    double encoding() const { return n_ / 12; }
    double fresh() const { return n_ * (error_variance + 1.0 / 12); }
    double public_key_fresh() const { return n_ * (error_variance * (4 * n_ / 3 + 1) + 1.0 / 12); }
    double rescaling(std::size_t parts = 2) const {
        const double secret = 2 * n_ / 3;
        return n_ / 12 * (1 + secret + (parts == 3 ? 2 * secret * secret : 0));
    }
    // Only the part of the keys' errors, before the roundings of the division by P.
    double key_errors(std::size_t level) const {
        double log_p = 0;
        for (std::size_t i = 0; i < parameters_.special_primes(); ++i) {
            log_p += std::log2(static_cast<double>(parameters_.p(i)));
        }
        double sum = 0;
        const std::size_t size = parameters_.digit_size();
        for (std::size_t first = 0; first <= level; first += size) {
            double log_digit = 0;
            for (std::size_t i = first; i < std::min(first + size, level + 1); ++i) {
                log_digit += std::log2(static_cast<double>(parameters_.q(i)));
            }
            sum += std::exp2(2 * (log_digit - log_p));
        }
        return n_ * n_ * error_variance * sum / 12;
    }
    double key_switching(std::size_t level) const { return key_errors(level) + rescaling(); }
    double key_switching_rescaling(std::size_t level) const {
        const auto q = static_cast<double>(parameters_.q(level));
        return key_errors(level) / (q * q) + rescaling();
    }

  private:
    static constexpr double error_variance = 3.2 * 3.2;
    Parameters parameters_;
    double n_;
};

// Mean of |x|^2: the message's part in products.
inline double power(std::span<const std::complex<double>> values) {
    double sum = 0;
    for (const auto& value : values) {
        sum += std::norm(value);
    }
    return sum / static_cast<double>(values.size());
}

inline double max_abs_error(std::span<const std::complex<double>> a,
                            std::span<const std::complex<double>> b) {
    double largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        largest = std::max(largest, std::abs(a[i] - b[i]));
    }
    return largest;
}

// Asserts that actual - expected is noise of the given variance (the message's units): its mean
// square over m slots within six standard deviations of the variance, both ways, so that a missing
// error fails as an excessive one does. |e(zeta) s(zeta)|^2, the widest-tailed term, is a product
// of two exponentials, of variance 3 in units of its mean squared; the mean over m slots
// therefore deviates by sqrt(3 / m). Each slot: P(|e s| > t) <= 2 sqrt(t) exp(-2 t) in the same
// units, below 1e-19 at t = 24.
inline ::testing::AssertionResult is_noise(std::span<const std::complex<double>> actual,
                                           std::span<const std::complex<double>> expected,
                                           double variance) {
    if (actual.size() != expected.size()) {
        return ::testing::AssertionFailure()
               << actual.size() << " slots instead of " << expected.size();
    }
    const auto m = static_cast<double>(actual.size());
    double sum = 0;
    for (std::size_t i = 0; i < actual.size(); ++i) {
        sum += std::norm(actual[i] - expected[i]);
    }
    const double ratio = sum / m / variance;
    const double spread = 6 * std::sqrt(3 / m);
    if (!(ratio < 1 + spread) || !(ratio > 1 - spread) || !(ratio > 0)) {
        return ::testing::AssertionFailure()
               << "mean square error is " << ratio << " times the derived 2^" << std::log2(variance)
               << ", allowed 1 +- " << spread;
    }
    const double worst = max_abs_error(actual, expected) / std::sqrt(variance);
    if (worst > 24) {
        return ::testing::AssertionFailure() << "an error of " << worst << " deviations";
    }
    return ::testing::AssertionSuccess();
}

// The same from above alone, for results whose derived variance is an upper bound and whose entries
// share their errors: the mean square then deviates like one product's, by 6 sqrt(3). An error of
// exactly 0 fails: nothing was encrypted.
inline ::testing::AssertionResult is_at_most_noise(std::span<const double> actual,
                                                   std::span<const double> expected,
                                                   double variance) {
    if (actual.size() != expected.size()) {
        return ::testing::AssertionFailure()
               << actual.size() << " values instead of " << expected.size();
    }
    double sum = 0;
    double largest = 0;
    for (std::size_t i = 0; i < actual.size(); ++i) {
        const double square = (actual[i] - expected[i]) * (actual[i] - expected[i]) / variance;
        sum += square;
        largest = std::isnan(square) ? HUGE_VAL : std::max(largest, square);
    }
    const double ratio = sum / static_cast<double>(actual.size());
    if (!(ratio < 1 + 6 * std::sqrt(3.0)) || !(largest < 24 * 24) || !(ratio > 0)) {
        return ::testing::AssertionFailure()
               << "mean square error is " << ratio << " and the largest " << largest
               << " times the bound 2^" << std::log2(variance) << " derived for the variance";
    }
    return ::testing::AssertionSuccess();
}

}  // namespace cipherfit::test
