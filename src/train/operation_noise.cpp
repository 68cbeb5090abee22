#include "cipherfit/train/operation_noise.h"

#include <algorithm>
#include <cmath>

namespace cipherfit {
namespace {

constexpr double error_sigma = 3.2;

double slot_scale(const Parameters& parameters) {
    return std::sqrt(static_cast<double>(parameters.n()) / 2);
}

}  // namespace

double fresh_error(const Parameters& parameters, double scale) {
    return slot_scale(parameters) * std::sqrt(error_sigma * error_sigma + 1.0 / 12) / scale;
}

double rounding_error(const Parameters& parameters, double scale) {
    const double secret_weight = 2.0 * static_cast<double>(parameters.n()) / 3;
    return slot_scale(parameters) * std::sqrt((1 + secret_weight) / 12) / scale;
}

double switching_error(const Parameters& parameters, double scale) {
    double log_p = 0;
    for (std::size_t i = 0; i < parameters.special_primes(); ++i) {
        log_p += std::log2(static_cast<double>(parameters.p(i)));
    }
    double ratios = 0;
    const std::size_t size = parameters.digit_size();
    for (std::size_t first = 0; first <= parameters.max_level(); first += size) {
        double log_digit = 0;
        for (std::size_t i = first; i < std::min(first + size, parameters.max_level() + 1); ++i) {
            log_digit += std::log2(static_cast<double>(parameters.q(i)));
        }
        ratios += std::exp2(2 * (log_digit - log_p));
    }
    return rounding_error(parameters, scale) *
           std::sqrt(1 + 1.5 * error_sigma * error_sigma * ratios);
}

}  // namespace cipherfit
