// A prime modulus q < 2^50 with its Barrett constants, and scalar modular arithmetic.
//
// Everything that works on arrays is in kernels/kernel_table.h; these functions are for set-up
// code and for the reference side of tests.
#pragma once

#include <cstdint>

namespace cipherfit {

// Primes stay below 2^50, so that a 52-bit multiplier lane holds them with two bits to spare.
constexpr unsigned max_modulus_bits = 50;

struct Modulus {
    std::uint64_t value = 0;
    // floor(2^128 / value), as two words: Barrett's constant for 128-bit dividends.
    std::uint64_t ratio_high = 0;
    std::uint64_t ratio_low = 0;

    // Throws Error(invalid_argument) unless 2 < value < 2^50.
    static Modulus create(std::uint64_t value);
    unsigned bits() const noexcept;
    friend bool operator==(const Modulus&, const Modulus&) = default;
};

// A fixed multiplicand w < q with Shoup's quotient floor(w * 2^64 / q). The quotient for 52-bit
// lanes is the same one shifted right by 12.
struct ShoupFactor {
    std::uint64_t value = 0;
    std::uint64_t quotient = 0;
};

// All arguments below are in [0, q), and so are the results, unless said otherwise.
std::uint64_t add_mod(std::uint64_t a, std::uint64_t b, const Modulus& q) noexcept;
std::uint64_t subtract_mod(std::uint64_t a, std::uint64_t b, const Modulus& q) noexcept;
std::uint64_t multiply_mod(std::uint64_t a, std::uint64_t b, const Modulus& q) noexcept;
std::uint64_t power_mod(std::uint64_t base, std::uint64_t exponent, const Modulus& q) noexcept;
// a^-1. Throws Error(invalid_argument) for a = 0.
std::uint64_t inverse_mod(std::uint64_t a, const Modulus& q);
// Any 64-bit value.
std::uint64_t reduce(std::uint64_t a, const Modulus& q) noexcept;
// Any 128-bit value high * 2^64 + low.
std::uint64_t reduce128(std::uint64_t high, std::uint64_t low, const Modulus& q) noexcept;
// round(x) mod q for any finite double, negative ones included, without loss.
std::uint64_t reduce_double(double x, const Modulus& q) noexcept;
// a as the centred representative in (-q/2, q/2].
std::int64_t centred(std::uint64_t a, const Modulus& q) noexcept;

ShoupFactor shoup_factor(std::uint64_t w, const Modulus& q) noexcept;
// a * w mod q for any 64-bit a.
std::uint64_t multiply_shoup(std::uint64_t a, const ShoupFactor& w, const Modulus& q) noexcept;

}  // namespace cipherfit
