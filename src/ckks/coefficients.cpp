#include "cipherfit/ckks/coefficients.h"

#include "cipherfit/base/parallel.h"
#include "rlwe/ring.h"

#include <cmath>
#include <utility>

namespace cipherfit {

Plaintext encode_coefficients(const Parameters& parameters, std::span<const double> coefficients,
                              std::size_t level, double scale) {
    require(coefficients.size() == parameters.n(), ErrorCode::invalid_argument,
            "a polynomial has {} coefficients, got {}", parameters.n(), coefficients.size());
    require(level <= parameters.max_level(), ErrorCode::invalid_argument,
            "cannot encode at level {}: the highest is {}", level, parameters.max_level());
    require(std::isfinite(scale) && scale > 0, ErrorCode::invalid_argument,
            "a scale must be positive and finite, got {}", scale);
    const double largest = std::exp2(parameters.log_q(level) - 1);
    for (const double value : coefficients) {
        require(std::abs(value * scale) < largest, ErrorCode::invalid_argument,
                "a coefficient times the scale 2^{:.1f} does not fit level {}, which holds "
                "2^{:.1f}: use a smaller scale or a higher level",
                std::log2(scale), level, parameters.log_q(level) - 1);
    }
    const Ring& ring = parameters.ring();
    RnsPoly poly(ring.n(), level + 1);
    parallel_for(0, level + 1, [&](std::size_t limb) {
        for (std::size_t k = 0; k < ring.n(); ++k) {
            poly.limb(limb)[k] = reduce_double(coefficients[k] * scale, ring.modulus(limb));
        }
        ring.forward(poly.limb(limb), limb);
    });
    return {std::move(poly), {level, scale}};
}

}  // namespace cipherfit
