#include "train/modulus_chain.h"

#include <algorithm>
#include <cmath>

namespace cipherfit {
namespace {

// The lowest prime is this much wider than a scale: room for values up to 2^9.
constexpr unsigned head_room_bits = 10;
constexpr unsigned widest_prime = 50;
// The special primes exceed the largest digit by this factor's logarithm: key switching then adds
// sqrt(1 + 15.36 digits / 64), at most twice, to the rounding that comes with it (noise.h).
constexpr double special_margin_bits = 3;

}  // namespace

ParametersLiteral chain(unsigned log_n, std::size_t levels, unsigned scale_bits, unsigned digits,
                        bool insecure) {
    ParametersLiteral literal;
    literal.log_n = log_n;
    literal.q_bits.assign(levels + 1, scale_bits);
    literal.q_bits[0] = std::min(widest_prime, scale_bits + head_room_bits);
    literal.digits = digits;
    const std::size_t digit_size = (levels + digits) / digits;
    // The largest digit, with margins for noise and for primes above their power of two.
    const double digit_bits =
        static_cast<double>(digit_size * scale_bits + literal.q_bits[0] - scale_bits) +
        special_margin_bits + 0.01;
    // Special primes below 2^50 have a little less than 50 bits.
    const auto count = static_cast<std::size_t>(std::ceil(digit_bits / (widest_prime - 0.01)));
    const auto bits =
        static_cast<unsigned>(std::ceil(digit_bits / static_cast<double>(count) + 0.01));
    literal.p_bits.assign(count, std::min(widest_prime, bits));
    literal.insecure_for_tests_only = insecure;
    return literal;
}

double nominal_log_qp(const ParametersLiteral& literal) {
    double bits = 0;
    for (const auto* list : {&literal.q_bits, &literal.p_bits}) {
        for (const unsigned size : *list) {
            bits += size;
        }
    }
    return bits + 0.05;  // primes lie this close to their powers of two
}

}  // namespace cipherfit
