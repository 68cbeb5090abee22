#include "cipherfit/ckks/precision.h"

#include "cipherfit/base/error.h"

#include <algorithm>
#include <cmath>

namespace cipherfit {

double PrecisionStats::mean_bits() const noexcept {
    return -std::log2(mean_error);
}

double PrecisionStats::worst_bits() const noexcept {
    return -std::log2(worst_error);
}

void PrecisionStats::merge(const PrecisionStats& other) noexcept {
    const auto own_count = static_cast<double>(values);
    const auto other_count = static_cast<double>(other.values);
    if (other.values != 0) {
        mean_error =
            (mean_error * own_count + other.mean_error * other_count) / (own_count + other_count);
        worst_error = std::max(worst_error, other.worst_error);
        values += other.values;
    }
}

PrecisionStats precision(std::span<const std::complex<double>> actual,
                         std::span<const std::complex<double>> expected) {
    require(actual.size() == expected.size() && !actual.empty(), ErrorCode::invalid_argument,
            "cannot compare {} values with {}", actual.size(), expected.size());
    PrecisionStats stats;
    stats.values = actual.size();
    for (std::size_t i = 0; i < actual.size(); ++i) {
        const double error = std::abs(actual[i] - expected[i]);
        // A value that is not a number is infinitely wrong.
        stats.worst_error = std::isnan(error) ? HUGE_VAL : std::max(stats.worst_error, error);
        stats.mean_error += error;
    }
    stats.mean_error = std::isnan(stats.mean_error)
                           ? HUGE_VAL
                           : stats.mean_error / static_cast<double>(actual.size());
    return stats;
}

}  // namespace cipherfit
