#include "cipherfit/rlwe/multiparty/noise.h"

#include "cipherfit/base/error.h"

#include <algorithm>
#include <cmath>

namespace cipherfit {
namespace {

constexpr double error_variance = 3.2 * 3.2;

}  // namespace

JointNoise::JointNoise(const Parameters& parameters, unsigned dealers)
    : parameters_(parameters), dealers_(dealers), n_(static_cast<double>(parameters.n())) {
    require(dealers >= 1, ErrorCode::invalid_argument, "a joint secret needs a dealer");
}

double JointNoise::secret() const noexcept {
    return 2 * dealers_ / 3;
}

double JointNoise::public_key() const noexcept {
    return dealers_ * error_variance;
}

double JointNoise::switching_key() const noexcept {
    return dealers_ * error_variance;
}

double JointNoise::relinearization_key() const noexcept {
    // s e0 + u e1: twice N (2 t / 3) (t sigma^2); e2 + e3: twice t sigma^2.
    return 2 * n_ * secret() * dealers_ * error_variance + 2 * dealers_ * error_variance;
}

double JointNoise::encryption() const noexcept {
    // e u with e the public key's error, e_0, and e_1 s.
    const double before =
        n_ * public_key() * 2 / 3 + error_variance + n_ * error_variance * secret();
    const auto p = static_cast<double>(parameters_.p(0));
    return before / (p * p) + rounding();
}

double JointNoise::rounding() const noexcept {
    return (1 + n_ * secret()) / 12;
}

double JointNoise::switching(std::size_t level, double key_variance) const {
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
    return n_ * key_variance * sum / 12;
}

double JointNoise::release(double sigma, unsigned holders) const noexcept {
    return holders * sigma * sigma;
}

}  // namespace cipherfit
