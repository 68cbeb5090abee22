#include "train/refresh.h"

#include "cipherfit/train/operation_noise.h"
#include "ckks/bootstrap/dft_factors.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <vector>

namespace cipherfit {

BootstrapLiteral refresh_literal(unsigned log_n, unsigned log_slots, std::size_t levels, bool fine,
                                 bool insecure) {
    BootstrapLiteral literal = bootstrap_n16_levels10;
    if (!fine) {
        literal.ratio_bits = 7;
        literal.arcsine_degree = 3;
        literal.slots_to_coeffs_bits = 38;
    }
    literal.log_n = log_n;
    literal.levels = levels;
    literal.insecure_for_tests_only = insecure;
    return with_slots(literal, log_slots);
}

std::size_t blocks_together(const Recipe& recipe, std::size_t state_blocks, std::size_t period,
                            std::size_t slots) noexcept {
    return std::min(std::bit_ceil(bootstraps_of(recipe, state_blocks)), slots / period);
}

unsigned refreshed_bits(unsigned state_bits, int range_bits, std::size_t together) noexcept {
    // Pairs that are taken apart have twice the scale of the bootstrapping's result, and blocks
    // that were together have as many times that as there were.
    const auto gain = static_cast<int>(std::bit_width(together));
    return static_cast<unsigned>(
        std::clamp(static_cast<int>(state_bits) + range_bits - gain, 24, 48));
}

// Measured (docs/benchmarks.md): 2.97 s at 2^11 slots and 4.84 s at 2^15, where a key switch takes
// 0.2 ms for each transform that is counted for it. In between, nearly a straight line; fewer slots
// save little, as EvalMod is the same.
double refresh_transforms(unsigned log_n, unsigned log_slots) {
    constexpr double at_11 = 14'500;
    constexpr double at_15 = 23'700;
    const double slots = std::clamp(log_slots, 10U, 15U);
    return std::exp2(static_cast<int>(log_n) - 16) * (at_11 + (at_15 - at_11) / 4 * (slots - 11));
}

double refresh_memory_bytes(unsigned log_n, unsigned log_slots) {
    // From the replay (circuit/memory.h) of N = 2^16 with up to 10 levels left: work of 0.4 to
    // 0.9 GB, and matrices that double with the slots up to 1.6 GB at 2^14.
    constexpr double work = 0.9e9;
    constexpr double matrices = 1.6e9;
    const double share = std::exp2(std::min(0, static_cast<int>(log_slots) - 14));
    return std::exp2(static_cast<int>(log_n) - 16) * (work + matrices * share);
}

double refresh_rounding_error(const BootstrapPlan& bootstrap, std::size_t period) {
    // Roundings at EvalMod's scale of 2^50, with the factor that its steps give them, and the fit's
    // own error at the likely wraps; both relative to q_0.
    constexpr double amplification = 59;
    constexpr double fit = 0x1p-36;
    const double coefficient =
        std::hypot(amplification * rounding_error(bootstrap.parameters(), 0x1p50), fit) *
        std::exp2(bootstrap.literal().ratio_bits);
    return coefficient * std::sqrt(static_cast<double>(period));
}

double refresh_transform_error(const BootstrapPlan& bootstrap) {
    const BootstrapLiteral& literal = bootstrap.literal();
    // In the order of application the larger matrices are the last ones.
    std::vector<std::size_t> stages = split_stages(literal.log_slots, literal.slots_to_coeffs);
    std::reverse(stages.begin(), stages.end());
    const double first = std::exp2(50.0 - literal.ratio_bits);
    const double step = std::pow(bootstrap.output_scale() / first,
                                 1.0 / static_cast<double>(literal.slots_to_coeffs));
    double scale = first;
    auto left = static_cast<double>(literal.log_slots);
    double variance = 0;
    for (const std::size_t taken : stages) {
        // A rounding goes through the stages that are left, each of which adds up two slots.
        scale *= step;
        left -= static_cast<double>(taken);
        const double rounding = rounding_error(bootstrap.parameters(), scale) * std::exp2(left / 2);
        // The diagonals, of 2 n coefficients, are rounded to integers: beside 2^m entries of size 1
        // in a row, 2^(m+1) entries off by this. The message's coefficients have a root mean square
        // of half the largest at most, unless they are all alike.
        const double diagonals = std::exp2(literal.slots_to_coeffs_bits) * step;
        const double entry = std::sqrt(2 * static_cast<double>(bootstrap.slots()) / 12) / diagonals;
        const double message = 0.5 * std::sqrt(static_cast<double>(bootstrap.slots()));
        variance += rounding * rounding + 2 * std::pow(entry * message, 2);
    }
    return std::sqrt(variance);
}

double refresh_loss(const BootstrapPlan& bootstrap) {
    const BootstrapLiteral& literal = bootstrap.literal();
    const double ratio = std::exp2(-static_cast<double>(literal.ratio_bits));
    const double sine = std::sin(2 * std::numbers::pi * ratio);
    // The first term that the Chebyshev series leaves out is a T_m(x), m = degree + 2.
    // Interpolation reads it as -a T_(m - 2), so that a (T_m + T_(m - 2)) = 2 a x T_(m - 1)(x) is
    // lost: 2 a x, but for a sign, of small x, and hardly more of any.
    const std::size_t m = literal.arcsine_degree + 2;
    // x^m holds 2^(1 - m) T_m, and x^(m + 2) holds m + 2 quarters of that.
    double a = 0;
    double taylor = 1;  // of the arcsine, binomial(2k, k) / 4^k for x^(2k + 1) / (2k + 1)
    for (std::size_t k = 1; 2 * k + 1 <= m + 2; ++k) {
        taylor *= (2 * static_cast<double>(k) - 1) / (2 * static_cast<double>(k));
        const auto power = static_cast<double>(2 * k + 1);
        if (2 * k + 1 >= m) {
            const double share = 2 * k + 1 == m ? 1.0 : power / 4;
            a += taylor / power * std::pow(sine, power) * share;
        }
    }
    a *= std::exp2(1 - static_cast<double>(m));
    return 2 * a / (2 * std::numbers::pi * ratio);
}

}  // namespace cipherfit
