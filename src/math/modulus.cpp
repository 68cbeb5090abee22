#include "math/modulus.h"

#include "cipherfit/base/error.h"
#include "math/wide.h"

#include <bit>
#include <cmath>

namespace cipherfit {

Modulus Modulus::create(std::uint64_t value) {
    require(value > 2 && (value >> max_modulus_bits) == 0, ErrorCode::invalid_argument,
            "modulus {} is outside (2, 2^{}); choose primes with ntt_primes()", value,
            max_modulus_bits);
    // 2^128 itself does not fit: divide 2^128 - 1 and mend the one case where that differs.
    const Wide all_ones = ~Wide{0};
    Wide ratio = all_ones / value;
    if (all_ones % value == value - 1) {
        ++ratio;
    }
    return Modulus{value, high_word(ratio), low_word(ratio)};
}

unsigned Modulus::bits() const noexcept {
    return static_cast<unsigned>(std::bit_width(value));
}

std::uint64_t add_mod(std::uint64_t a, std::uint64_t b, const Modulus& q) noexcept {
    const std::uint64_t sum = a + b;
    return sum >= q.value ? sum - q.value : sum;
}

std::uint64_t subtract_mod(std::uint64_t a, std::uint64_t b, const Modulus& q) noexcept {
    return a >= b ? a - b : a + q.value - b;
}

std::uint64_t multiply_mod(std::uint64_t a, std::uint64_t b, const Modulus& q) noexcept {
    const Wide product = Wide{a} * b;
    return reduce128(high_word(product), low_word(product), q);
}

std::uint64_t power_mod(std::uint64_t base, std::uint64_t exponent, const Modulus& q) noexcept {
    std::uint64_t result = 1;
    for (; exponent != 0; exponent >>= 1U) {
        if ((exponent & 1U) != 0) {
            result = multiply_mod(result, base, q);
        }
        base = multiply_mod(base, base, q);
    }
    return result;
}

std::uint64_t inverse_mod(std::uint64_t a, const Modulus& q) {
    require(a % q.value != 0, ErrorCode::invalid_argument,
            "0 has no inverse modulo {}; check that the moduli are distinct primes", q.value);
    return power_mod(a, q.value - 2, q);  // Fermat: q is prime
}

std::uint64_t reduce(std::uint64_t a, const Modulus& q) noexcept {
    return reduce128(0, a, q);
}

std::uint64_t reduce128(std::uint64_t high, std::uint64_t low, const Modulus& q) noexcept {
    // floor(x * ratio / 2^128), of which only the low word is needed, since the remainder is
    // below 2q < 2^64. The quotient is short by one at most: ratio is short by less than one,
    // which costs less than x / 2^128 < 1, and the floor costs less than one more.
    const std::uint64_t carry = high_word(Wide{low} * q.ratio_low);
    const Wide middle_a = Wide{low} * q.ratio_high + carry;
    const Wide middle_b = Wide{high} * q.ratio_low + low_word(middle_a);
    const std::uint64_t quotient = high * q.ratio_high + high_word(middle_a) + high_word(middle_b);
    const std::uint64_t remainder = low - quotient * q.value;
    return remainder >= q.value ? remainder - q.value : remainder;
}

std::uint64_t reduce_double(double x, const Modulus& q) noexcept {
    const double magnitude = std::abs(std::round(x));
    int exponent = 0;
    // magnitude = mantissa * 2^exponent with a 53-bit integer mantissa.
    const auto mantissa =
        static_cast<std::uint64_t>(std::ldexp(std::frexp(magnitude, &exponent), 53));
    exponent -= 53;
    std::uint64_t residue = 0;
    if (exponent <= 0) {
        // Exact: round() left no bits below the point. exponent >= -53, which a zero has.
        residue = reduce(mantissa >> static_cast<unsigned>(-exponent), q);
    } else {
        residue = multiply_mod(reduce(mantissa, q),
                               power_mod(2, static_cast<std::uint64_t>(exponent), q), q);
    }
    return x < 0 ? subtract_mod(0, residue, q) : residue;
}

std::int64_t centred(std::uint64_t a, const Modulus& q) noexcept {
    const auto value = static_cast<std::int64_t>(a);
    return a > q.value / 2 ? value - static_cast<std::int64_t>(q.value) : value;
}

ShoupFactor shoup_factor(std::uint64_t w, const Modulus& q) noexcept {
    // floor(w * ratio / 2^64) is short of floor(w * 2^64 / q) by one at most, as w < 2^64.
    std::uint64_t quotient = w * q.ratio_high + high_word(Wide{w} * q.ratio_low);
    if (const std::uint64_t remainder = 0 - quotient * q.value; remainder >= q.value) {
        ++quotient;
    }
    return {w, quotient};
}

std::uint64_t multiply_shoup(std::uint64_t a, const ShoupFactor& w, const Modulus& q) noexcept {
    const std::uint64_t quotient = high_word(Wide{a} * w.quotient);
    const std::uint64_t remainder = a * w.value - quotient * q.value;
    return remainder >= q.value ? remainder - q.value : remainder;
}

}  // namespace cipherfit
