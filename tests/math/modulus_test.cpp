#include "math/modulus.h"

#include "cipherfit/base/error.h"
#include "math/support.h"

#include <cmath>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace cipherfit {
namespace {

using test::Wide;

Modulus any_modulus() {
    const auto primes = test::assorted_primes();
    return Modulus::create(*rc::gen::elementOf(primes));
}

std::uint64_t any_residue(const Modulus& q) {
    return *rc::gen::weightedOneOf<std::uint64_t>(
        {{1, rc::gen::element<std::uint64_t>(0, 1, q.value - 1, q.value / 2, q.value / 2 + 1)},
         {4, rc::gen::map(rc::gen::arbitrary<std::uint64_t>(),
                          [&](std::uint64_t x) { return x % q.value; })}});
}

std::uint64_t any_word() {
    return *rc::gen::oneOf(rc::gen::map(rc::gen::arbitrary<std::uint64_t>(),
                                        [](std::uint64_t x) { return x * 0x9e3779b97f4a7c15U; }),
                           rc::gen::element<std::uint64_t>(0, 1, ~std::uint64_t{0}));
}

// |x| mod q for an integral double, from its mantissa and exponent by repeated doubling.
std::uint64_t plain_reduce_double(double x, std::uint64_t q) {
    int exponent = 0;
    auto rest = static_cast<std::uint64_t>(std::ldexp(std::frexp(std::abs(x), &exponent), 53));
    for (; exponent < 53; ++exponent) {
        rest /= 2;
    }
    std::uint64_t residue = rest % q;
    for (; exponent > 53; --exponent) {
        residue = residue * 2 % q;
    }
    return x < 0 && residue != 0 ? q - residue : residue;
}

TEST(Modulus, rejects_values_outside_its_range) {
    for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2},
                                      std::uint64_t{1} << 50U, ~std::uint64_t{0}}) {
        try {
            Modulus::create(value);
            FAIL() << value;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
            EXPECT_NE(std::string(error.what()).find(std::to_string(value)), std::string::npos);
        }
    }
}

TEST(Modulus, holds_the_floor_of_2_to_the_128_over_q) {
    // 2^128 = ratio * q + remainder with remainder < q, computed modulo 2^128.
    for (const std::uint64_t value :
         {std::uint64_t{3}, std::uint64_t{4}, std::uint64_t{97}, (std::uint64_t{1} << 50U) - 1}) {
        const Modulus q = Modulus::create(value);
        const Wide ratio = (Wide{q.ratio_high} << 64U) | q.ratio_low;
        const Wide remainder = Wide{0} - ratio * value;
        EXPECT_LT(remainder, Wide{value}) << value;
    }
    EXPECT_EQ(Modulus::create(97).bits(), 7U);
    EXPECT_EQ(Modulus::create((std::uint64_t{1} << 50U) - 27).bits(), 50U);
}

RC_GTEST_PROP(Modulus, sums_differences_and_products_are_those_of_the_integers, ()) {
    const Modulus q = any_modulus();
    const std::uint64_t a = any_residue(q);
    const std::uint64_t b = any_residue(q);
    RC_ASSERT(add_mod(a, b, q) == (a + b) % q.value);
    RC_ASSERT(subtract_mod(a, b, q) == (a + q.value - b) % q.value);
    RC_ASSERT(multiply_mod(a, b, q) == test::plain_multiply(a, b, q.value));
}

RC_GTEST_PROP(Modulus, reduces_any_word_and_any_pair_of_words, ()) {
    const Modulus q = any_modulus();
    const std::uint64_t high = any_word();
    const std::uint64_t low = any_word();
    RC_ASSERT(reduce(low, q) == low % q.value);
    RC_ASSERT(reduce128(high, low, q) ==
              static_cast<std::uint64_t>(((Wide{high} << 64U) | low) % q.value));
}

RC_GTEST_PROP(Modulus, powers_and_inverses_agree, ()) {
    const Modulus q = any_modulus();
    const std::uint64_t a = any_residue(q);
    const std::uint64_t exponent = any_word();
    RC_ASSERT(power_mod(a, exponent, q) == test::plain_power(a, exponent, q.value));
    if (a == 0) {
        RC_ASSERT_THROWS_AS(inverse_mod(a, q), Error);
    } else {
        const std::uint64_t inverse = inverse_mod(a, q);
        RC_ASSERT(inverse < q.value);
        RC_ASSERT(test::plain_multiply(a, inverse, q.value) == 1 % q.value);
    }
}

RC_GTEST_PROP(Modulus, shoup_products_take_any_word, ()) {
    const Modulus q = any_modulus();
    const std::uint64_t w = any_residue(q);
    const std::uint64_t a = any_word();
    const ShoupFactor factor = shoup_factor(w, q);
    RC_ASSERT(factor.value == w);
    RC_ASSERT(factor.quotient == static_cast<std::uint64_t>((Wide{w} << 64U) / q.value));
    RC_ASSERT(multiply_shoup(a, factor, q) == static_cast<std::uint64_t>(Wide{a} * w % q.value));
}

RC_GTEST_PROP(Modulus, centred_values_are_congruent_and_small, ()) {
    const Modulus q = any_modulus();
    const std::uint64_t a = any_residue(q);
    const std::int64_t c = centred(a, q);
    const auto half = static_cast<std::int64_t>(q.value / 2);
    RC_ASSERT(c >= -half && c <= half);
    RC_ASSERT(static_cast<std::uint64_t>(c < 0 ? c + static_cast<std::int64_t>(q.value) : c) == a);
}

RC_GTEST_PROP(Modulus, reduces_doubles_of_any_size_without_loss, ()) {
    const Modulus q = any_modulus();
    const auto mantissa = static_cast<double>(
        *rc::gen::inRange<std::int64_t>(-(std::int64_t{1} << 53), (std::int64_t{1} << 53) + 1));
    const int exponent = *rc::gen::inRange(-60, 900);
    const double x = std::ldexp(mantissa, exponent);
    RC_ASSERT(reduce_double(x, q) == plain_reduce_double(std::round(x), q.value));
}

TEST(Modulus, reduces_known_doubles) {
    const Modulus q = Modulus::create(97);
    EXPECT_EQ(reduce_double(0.0, q), 0U);
    EXPECT_EQ(reduce_double(-0.0, q), 0U);
    EXPECT_EQ(reduce_double(0.49, q), 0U);
    EXPECT_EQ(reduce_double(-0.49, q), 0U);
    EXPECT_EQ(reduce_double(96.5, q), 0U);
    EXPECT_EQ(reduce_double(-1.0, q), 96U);
    EXPECT_EQ(reduce_double(-97.0, q), 0U);
    EXPECT_EQ(reduce_double(std::ldexp(1.0, 200), q), test::plain_power(2, 200, 97));
    EXPECT_EQ(reduce_double(-std::ldexp(1.0, 200), q), 97 - test::plain_power(2, 200, 97));
    EXPECT_EQ(reduce_double(std::ldexp(3.0, 1000), q), 3 * test::plain_power(2, 1000, 97) % 97);
}

}  // namespace
}  // namespace cipherfit
