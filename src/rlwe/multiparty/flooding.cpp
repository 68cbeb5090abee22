#include "cipherfit/rlwe/multiparty/flooding.h"

#include "cipherfit/base/error.h"
#include "cipherfit/rlwe/multiparty/holders.h"

#include <cmath>

namespace cipherfit {

unsigned possible_releases(unsigned holders, unsigned threshold) {
    require_threshold(holders, threshold);
    return holders - threshold + 1;
}

double flooding_sigma(const FloodingRule& rule) {
    require(rule.kappa >= smallest_kappa && rule.kappa <= 128, ErrorCode::invalid_argument,
            "flooding needs a kappa of {} to 128 bits, got {}", smallest_kappa, rule.kappa);
    require(rule.releases >= 1, ErrorCode::invalid_argument,
            "flooding needs the number of releases under the key, at least 1");
    require(std::isfinite(rule.error_norm) && rule.error_norm > 0, ErrorCode::invalid_argument,
            "flooding needs a positive bound on the norm of the released errors, got {}",
            rule.error_norm);
    return std::sqrt(12.0 * rule.releases) * std::exp2(rule.kappa / 2) * rule.error_norm;
}

double flooding_distance(double kappa) {
    return std::sqrt(std::exp2(-kappa) / 48);
}

}  // namespace cipherfit
