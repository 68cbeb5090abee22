// Every operation without key switches against the same operation on vectors.
#include "support/errors.h"
#include "support/owner.h"
#include "support/property.h"

#include <cmath>
#include <functional>
#include <limits>

namespace cipherfit {
namespace {

using test::holds;
using test::is_noise;
using test::Owner;
using test::random_slots;
using test::Slots;
using test::small_ring;
using test::throws;

Slots zipped(const Slots& a, const Slots& b,
             const std::function<std::complex<double>(std::complex<double>, std::complex<double>)>&
                 operation) {
    Slots result(a.size());
    std::transform(a.begin(), a.end(), b.begin(), result.begin(), operation);
    return result;
}

struct Case {
    unsigned log_n = *rc::gen::element(8U, 10U, 11U);
    std::size_t levels = test::pick<std::size_t>(1, 5);
    std::size_t level_a = test::pick<std::size_t>(0, levels + 1);
    std::size_t level_b = test::pick<std::size_t>(0, levels + 1);
    std::size_t lower = std::min(level_a, level_b);
    double scale = std::exp2(test::pick(30, 41));
    Owner owner{small_ring(log_n, levels)};
    EvaluationKeys keys{owner.parameters};
    Evaluator evaluator{keys};
    test::Random random{*rc::gen::arbitrary<std::uint64_t>()};
    Slots a = random_slots(random, owner.parameters.slots());
    Slots b = random_slots(random, owner.parameters.slots());
    Ciphertext ca = owner.encrypt(a, level_a, scale);
    Ciphertext cb = owner.encrypt(b, level_b, scale);
    double fresh = owner.noise.fresh() / (scale * scale);
    double encoding = owner.noise.encoding() / (scale * scale);
};

void expect_is(const Case& c, const Ciphertext& result, std::size_t level, double scale,
               const Slots& expected, double variance) {
    RC_ASSERT(result.level() == level);
    RC_ASSERT(result.scale() == scale);
    const auto noise = is_noise(c.owner.decrypt(result), expected, variance);
    if (!noise) {
        RC_FAIL(noise.message());
    }
}

TEST(EvaluatorArithmetic, SumsAndDifferences) {
    EXPECT_TRUE(holds("sums", 25, [] {
        Case c;
        const Slots sum = zipped(c.a, c.b, std::plus<>());
        const Slots difference = zipped(c.a, c.b, std::minus<>());
        expect_is(c, c.evaluator.add(c.ca, c.cb), c.lower, c.scale, sum, 2 * c.fresh);
        expect_is(c, c.evaluator.subtract(c.ca, c.cb), c.lower, c.scale, difference, 2 * c.fresh);
        Ciphertext inplace = c.ca.copy();
        c.evaluator.add_inplace(inplace, c.cb);
        RC_ASSERT(test::same_bits(inplace, c.evaluator.add(c.ca, c.cb)));
        Slots negated = c.a;
        for (auto& value : negated) {
            value = -value;
        }
        expect_is(c, c.evaluator.negate(c.ca), c.level_a, c.scale, negated, c.fresh);
    }));
}

TEST(EvaluatorArithmetic, PlaintextsAndScalars) {
    EXPECT_TRUE(holds("plaintexts", 25, [] {
        Case c;
        const Plaintext plain = c.owner.encoder.encode(c.b, c.level_b, c.scale);
        expect_is(c, c.evaluator.add_plain(c.ca, plain), c.lower, c.scale,
                  zipped(c.a, c.b, std::plus<>()), c.fresh + c.encoding);
        const double value = c.random() % 2 == 0 ? -0.7 : 3.25;
        Slots shifted = c.a;
        for (auto& slot : shifted) {
            slot += value;
        }
        expect_is(c, c.evaluator.add_scalar(c.ca, value), c.level_a, c.scale, shifted, c.fresh);
        if (c.lower > 0) {  // at level 0 a product's scale does not fit
            // Scales 2^30 to 2^40 on 2^45: below 2^89 of at least 2^90.
            const double plain_scale = 0x1p45;
            const Plaintext factor = c.owner.encoder.encode(c.b, c.level_b, plain_scale);
            const double variance = test::power(c.b) * c.fresh + test::power(c.a) *
                                                                     c.owner.noise.encoding() /
                                                                     (plain_scale * plain_scale);
            expect_is(c, c.evaluator.multiply_plain(c.ca, factor), c.lower, c.scale * plain_scale,
                      zipped(c.a, c.b, std::multiplies<>()), variance);
        }
    }));
}

TEST(EvaluatorArithmetic, ScalarProductsReachExactlyTheAskedScale) {
    EXPECT_TRUE(holds("multiply_scalar", 25, [] {
        Case c;
        RC_PRE(c.level_a > 0U);
        const double factor = static_cast<double>(test::pick(-4000, 4000)) / 1000;
        RC_PRE(factor != 0);
        const double scale = c.scale * 0x1.23456789p39;
        const std::size_t level = test::pick<std::size_t>(1, c.level_a + 1);
        const Ciphertext result = c.evaluator.multiply_scalar(c.ca, factor, scale, level);
        Slots expected = c.a;
        for (auto& slot : expected) {
            slot *= factor;
        }
        // The integer is rounded by at most 1/2 of more than 2^29: far below the noise.
        expect_is(c, result, level, scale, expected, c.fresh * factor * factor);
    }));
}

TEST(EvaluatorArithmetic, DroppingLimbsIsExact) {
    EXPECT_TRUE(holds("drop", 15, [] {
        Case c;
        const std::size_t level = test::pick<std::size_t>(0, c.level_a + 1);
        const Ciphertext dropped = c.evaluator.drop_to_level(c.ca, level);
        RC_ASSERT(dropped.level() == level);
        RC_ASSERT(dropped.scale() == c.scale);
        RC_ASSERT(test::same_bits(dropped.part(0), c.ca.part(0).copy(level + 1)));
        expect_is(c, dropped, level, c.scale, c.a, c.fresh);
    }));
}

TEST(EvaluatorArithmetic, RescalingDividesByThePrimeWithOneRounding) {
    EXPECT_TRUE(holds("rescale", 25, [] {
        Case c;
        RC_PRE(c.level_a > 0U);
        const double q = c.evaluator.rescale_divisor(c.level_a);
        RC_ASSERT(q == static_cast<double>(c.owner.parameters.q(c.level_a)));
        // Times an integer that is no multiple of the prime: nothing divides evenly.
        const Ciphertext raised =
            c.evaluator.multiply_scalar(c.ca, 1.0, 1.2345 * c.scale * q, c.level_a);
        const Ciphertext result = c.evaluator.rescale(raised);
        const double scale = raised.scale() / q;
        // Against the ciphertext before, so that the rounding stands alone.
        expect_is(c, result, c.level_a - 1, scale, c.owner.decrypt(raised),
                  c.owner.noise.rescaling() / (scale * scale));
    }));
}

TEST(EvaluatorArithmetic, ProductsRescaleInThreeParts) {
    test::Random random(3);
    const Owner owner(small_ring(10, 3));
    const EvaluationKeys keys(owner.parameters);
    const Evaluator evaluator(keys);
    const Slots a = random_slots(random, owner.parameters.slots());
    const Ciphertext ca = owner.encrypt(a, 3, 0x1p40);
    const Ciphertext product = evaluator.multiply(ca, ca);
    const Ciphertext rescaled = evaluator.rescale(product);
    EXPECT_EQ(rescaled.size(), 3U);
    EXPECT_EQ(rescaled.scale(), product.scale() / evaluator.rescale_divisor(3));
    EXPECT_TRUE(is_noise(owner.decrypt(rescaled), owner.decrypt(product),
                         owner.noise.rescaling(3) / (rescaled.scale() * rescaled.scale())));
    // Parts of different number: missing ones count as zero, on either side.
    const Ciphertext lifted = owner.encrypt(a, 2, rescaled.scale());
    const Slots decrypted = owner.decrypt(rescaled);
    const Slots other = owner.decrypt(lifted);
    // Exact on the integers: what remains is the roundings of decoding, log2(N) stages of it.
    const double floating = 16 * 0x1p-53 * std::sqrt(512.0) * 4;
    EXPECT_LE(test::max_abs_error(owner.decrypt(evaluator.add(lifted, rescaled)),
                                  zipped(other, decrypted, std::plus<>())),
              floating);
    EXPECT_LE(test::max_abs_error(owner.decrypt(evaluator.subtract(lifted, rescaled)),
                                  zipped(other, decrypted, std::minus<>())),
              floating);
    EXPECT_LE(test::max_abs_error(owner.decrypt(evaluator.subtract(rescaled, lifted)),
                                  zipped(decrypted, other, std::minus<>())),
              floating);
    Ciphertext inplace = lifted.copy();
    evaluator.add_inplace(inplace, rescaled);
    EXPECT_TRUE(test::same_bits(inplace, evaluator.add(lifted, rescaled)));
    inplace = rescaled.copy();
    evaluator.add_inplace(inplace, lifted);
    EXPECT_TRUE(test::same_bits(inplace, evaluator.add(rescaled, lifted)));
}

TEST(EvaluatorArithmetic, RefusesWithBothOperandsInTheMessage) {
    const Owner owner(small_ring(8, 2));
    const EvaluationKeys keys(owner.parameters);
    const Evaluator evaluator(keys);
    const std::vector<double> values{0.5};
    const Ciphertext a = owner.encrypt(values, 2, 0x1p40);
    const Ciphertext b = owner.encrypt(values, 1, 0x1p39);
    const Plaintext plain = owner.encoder.encode(values, 1, 0x1p39);
    constexpr auto scales = ErrorCode::scale_mismatch;
    const auto words = {std::string_view("2^40.0"), std::string_view("level 2"),
                        std::string_view("2^39.0"), std::string_view("level 1"),
                        std::string_view("multiply_scalar")};
    EXPECT_TRUE(throws(scales, words, [&] { static_cast<void>(evaluator.add(a, b)); }));
    EXPECT_TRUE(throws(scales, words, [&] { static_cast<void>(evaluator.subtract(a, b)); }));
    EXPECT_TRUE(throws(scales, words, [&] { static_cast<void>(evaluator.add_plain(a, plain)); }));
    EXPECT_TRUE(throws(scales, words, [&] {
        Ciphertext sum = a.copy();
        evaluator.add_inplace(sum, b);
    }));
    EXPECT_TRUE(throws(scales, {"2^39.0", "2^40.0"}, [&] {
        Ciphertext sum = b.copy();
        evaluator.add_inplace(sum, a);
    }));
    // A difference in the 40th bit is a difference.
    EXPECT_TRUE(throws(scales, {}, [&] {
        static_cast<void>(evaluator.add(a, a.copy().with_factor(1 + 0x1p-40)));
    }));
    EXPECT_NO_THROW(static_cast<void>(evaluator.add(a, a.copy().with_factor(1 + 0x1p-50))));

    constexpr auto exhausted = ErrorCode::level_exhausted;
    const Ciphertext lowest = owner.encrypt(values, 0, 0x1p40);
    EXPECT_TRUE(throws(exhausted, {"level 0", "2^40"},
                       [&] { static_cast<void>(evaluator.rescale(lowest)); }));
    EXPECT_TRUE(
        throws(exhausted, {"1", "2"}, [&] { static_cast<void>(evaluator.drop_to_level(b, 2)); }));
    EXPECT_TRUE(throws(exhausted, {"1", "2"},
                       [&] { static_cast<void>(evaluator.multiply_scalar(b, 1.0, 0x1p39, 2)); }));
    constexpr auto bad = ErrorCode::invalid_argument;
    EXPECT_TRUE(throws(bad, {"rounds to 0"},
                       [&] { static_cast<void>(evaluator.multiply_scalar(a, 0.25, 0x1p40, 1)); }));
    EXPECT_TRUE(throws(bad, {"3"}, [&] { static_cast<void>(evaluator.rescale_divisor(3)); }));
    for (const double value : {std::nan(""), HUGE_VAL, std::numeric_limits<double>::max()}) {
        EXPECT_TRUE(throws(bad, {}, [&] { static_cast<void>(evaluator.add_scalar(a, value)); }))
            << value;
        EXPECT_TRUE(throws(bad, {}, [&] {
            static_cast<void>(evaluator.multiply_scalar(a, value, 0x1p80, 1));
        })) << value;
    }
}

TEST(EvaluatorArithmetic, AZeroFactorGivesZero) {
    test::Random random(6);
    const Owner owner(small_ring(8, 2));
    const EvaluationKeys keys(owner.parameters);
    const Evaluator evaluator(keys);
    const Ciphertext a = owner.encrypt(random_slots(random, 128), 2, 0x1p40);
    const Slots zero = owner.decrypt(evaluator.multiply_scalar(a, 0.0, 0x1p40, 2));
    EXPECT_EQ(test::power(zero), 0.0);
}

}  // namespace
}  // namespace cipherfit
