#include "cipherfit/ckks/coefficients.h"

#include "cipherfit/base/parallel.h"
#include "rlwe/ring.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace cipherfit {
namespace {

__extension__ using int128 = __int128;
__extension__ using uint128 = unsigned __int128;

std::uint64_t residue(int128 value, const Modulus& q) {
    const uint128 size = value < 0 ? -static_cast<uint128>(value) : static_cast<uint128>(value);
    const std::uint64_t rest =
        reduce128(static_cast<std::uint64_t>(size >> 64U), static_cast<std::uint64_t>(size), q);
    return value < 0 && rest != 0 ? q.value - rest : rest;
}

constexpr double most_bits = 120;

}  // namespace

Plaintext encode_coefficients(const Parameters& parameters,
                              std::span<const long double> coefficients, std::size_t level,
                              double scale) {
    require(coefficients.size() == parameters.n(), ErrorCode::invalid_argument,
            "a polynomial has {} coefficients, got {}", parameters.n(), coefficients.size());
    require(level <= parameters.max_level(), ErrorCode::invalid_argument,
            "cannot encode at level {}: the highest is {}", level, parameters.max_level());
    require(std::isfinite(scale) && scale > 0, ErrorCode::invalid_argument,
            "a scale must be positive and finite, got {}", scale);
    const double room = std::min(parameters.log_q(level) - 1, most_bits);
    const long double factor = scale;
    for (const long double value : coefficients) {
        require(std::abs(value * factor) < std::exp2(room), ErrorCode::invalid_argument,
                "a coefficient times the scale 2^{:.1f} does not fit level {}, which holds "
                "2^{:.1f}: use a smaller scale or a higher level",
                std::log2(scale), level, room);
    }
    const Ring& ring = parameters.ring();
    RnsPoly poly(ring.n(), level + 1);
    parallel_for(0, level + 1, [&](std::size_t limb) {
        for (std::size_t k = 0; k < ring.n(); ++k) {
            poly.limb(limb)[k] = residue(static_cast<int128>(std::rint(coefficients[k] * factor)),
                                         ring.modulus(limb));
        }
        ring.forward(poly.limb(limb), limb);
    });
    return {std::move(poly), {level, scale}};
}

}  // namespace cipherfit
