#include "cipherfit/ckks/encoder.h"

#include "math/kernels/kernel_table.h"
#include "rlwe/ring.h"
#include "support/errors.h"
#include "support/owner.h"

#include <cmath>
#include <limits>
#include <numbers>

namespace cipherfit {
namespace {

using test::random_slots;
using test::Slots;
using test::small_ring;
using test::throws;

// What floating point adds to a slot of encode and decode together. A butterfly's error is at most
// 4.5 u times its values (complex product, sum and inexact twiddle), in the 2-norm over all slots a
// stage; there are log2(N/2) stages each way, and three roundings for scaling and conversion.
double floating_point_bound(const Slots& values, unsigned log_n) {
    const double norm = std::sqrt(test::power(values) * static_cast<double>(values.size()));
    return (2 * 4.5 * (log_n - 1) + 3) * 0x1p-53 * norm;
}

// The definition: slot j of the coefficients c is sum_k c_k zeta^(5^j k), zeta = exp(i pi / N).
Slots naive_slots(const std::vector<double>& coefficients) {
    const std::size_t n = coefficients.size();
    Slots slots(n / 2);
    std::size_t power_of_five = 1;
    for (auto& slot : slots) {
        for (std::size_t k = 0; k < n; ++k) {
            const auto exponent = static_cast<double>(power_of_five * k % (2 * n));
            slot += coefficients[k] *
                    std::polar(1.0, std::numbers::pi * exponent / static_cast<double>(n));
        }
        power_of_five = power_of_five * 5 % (2 * n);
    }
    return slots;
}

std::vector<double> coefficients_of(const Parameters& parameters, const Plaintext& plaintext) {
    const Ring& ring = parameters.ring();
    RnsPoly poly = plaintext.poly().copy(1);
    ring.inverse(poly.limb(0), 0);
    std::vector<double> result(ring.n());
    for (std::size_t k = 0; k < ring.n(); ++k) {
        result[k] = static_cast<double>(centred(poly.limb(0)[k], ring.modulus(0)));
    }
    return result;
}

// A polynomial in X^step has the slots of its period over and over: the coefficients of one period
// are those of all.
TEST(LargestCoefficient, IsThatOfThePolynomialWithTheSlots) {
    test::Random random(2);
    for (const std::size_t n : {4U, 16U, 128U}) {
        for (const std::size_t step : {1U, 2U, 8U}) {
            std::vector<double> coefficients(n * step);
            double largest = 0;
            for (std::size_t k = 0; k < n; ++k) {
                coefficients[k * step] = random_slots(random, 1)[0].real();
                largest = std::max(largest, std::abs(coefficients[k * step]));
            }
            const Slots slots = naive_slots(coefficients);
            // Sums of n terms and a transform of log2 n stages, of numbers up to 1.
            const double error = 0x1p-50 * static_cast<double>(n);
            EXPECT_NEAR(largest_coefficient(std::span(slots).first(n / 2)), largest, error);
        }
    }
    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"3", "power of two"},
                       [] { static_cast<void>(largest_coefficient(Slots(3))); }));
}

TEST(Encoder, CoefficientsHaveTheSlotsByDefinition) {
    test::Random random(1);
    for (const unsigned log_n : {5U, 6U, 8U}) {
        const Parameters ring = small_ring(log_n, 0);
        const Slots values = random_slots(random, ring.slots());
        const double scale = 0x1p40;
        Slots slots = naive_slots(coefficients_of(ring, Encoder(ring).encode(values, 0, scale)));
        for (auto& slot : slots) {
            slot /= scale;
        }
        const auto n = static_cast<double>(ring.n());
        const double rounding = n / 2 / scale;
        // The oracle's own sum: N terms of at most 2 in magnitude, each with a few roundings.
        EXPECT_LE(test::max_abs_error(slots, values), rounding + n * 16 * 0x1p-53) << log_n;
    }
}

TEST(Encoder, RoundTripHasTheErrorOfRounding) {
    test::Random random(2);
    for (const unsigned log_n : {8U, 10U, 12U}) {
        const Parameters ring = small_ring(log_n, 3);
        const Encoder encoder(ring);
        const test::RingNoise noise(ring);
        for (const std::size_t level : {0U, 1U, 3U}) {
            for (const double scale : {0x1p20, 0x1p35, 0x1.8p30}) {
                const Slots values = random_slots(random, ring.slots());
                const Plaintext plaintext = encoder.encode(values, level, scale);
                EXPECT_EQ(plaintext.level(), level);
                EXPECT_EQ(plaintext.scale(), scale);
                const Slots decoded = encoder.decode_complex(plaintext);
                EXPECT_TRUE(test::is_noise(decoded, values, noise.encoding() / (scale * scale)))
                    << log_n << " level " << level << " scale " << scale;
                EXPECT_LE(test::max_abs_error(decoded, values),
                          static_cast<double>(ring.n()) / 2 / scale +
                              floating_point_bound(values, log_n));
            }
        }
    }
}

TEST(Encoder, LargeScalesKeepTheWholeDouble) {
    test::Random random(3);
    for (const unsigned log_n : {8U, 11U}) {
        const Parameters ring = small_ring(log_n, 3);
        const Encoder encoder(ring);
        for (const std::size_t level : {1U, 3U}) {
            const Slots values = random_slots(random, ring.slots());
            const Slots decoded = encoder.decode_complex(encoder.encode(values, level, 0x1p80));
            const double error = test::max_abs_error(decoded, values);
            EXPECT_LE(error, floating_point_bound(values, log_n) +
                                 static_cast<double>(ring.n()) / 2 / 0x1p80);
            EXPECT_GT(error, 0);
        }
    }
}

TEST(Encoder, RealsAreSlotsWithoutImaginaryPartAndMissingOnesAreZero) {
    test::Random random(4);
    const Parameters ring = small_ring(8, 1);
    const Encoder encoder(ring);
    const auto reals = test::random_reals(random, 50);
    const Plaintext plaintext = encoder.encode(reals, 1, 0x1p40);
    const Slots expected = test::to_complex(reals, ring.slots());
    EXPECT_TRUE(test::is_noise(encoder.decode_complex(plaintext), expected,
                               static_cast<double>(ring.n()) / 12 * 0x1p-80));
    const auto decoded = encoder.decode(plaintext);
    const auto complex = encoder.decode_complex(plaintext);
    for (std::size_t j = 0; j < ring.slots(); ++j) {
        EXPECT_EQ(decoded[j], complex[j].real());
    }
    EXPECT_EQ(encoder.decode(encoder.encode(std::vector<double>{}, 0, 0x1p40)),
              std::vector<double>(ring.slots(), 0.0));
}

TEST(Encoder, NegativeAndLargeValuesSurviveEveryLevel) {
    const Parameters ring = small_ring(8, 2);
    const Encoder encoder(ring);
    const double half_step = static_cast<double>(ring.n()) / 2 / 0x1p40;
    const std::vector<double> values{-500.0, 500.0, -1e-9, 1e-9, 0.0, -0.0};
    for (const std::size_t level : {0U, 1U, 2U}) {
        const auto decoded = encoder.decode(encoder.encode(values, level, 0x1p40));
        const double floating = floating_point_bound(test::to_complex(values, ring.slots()), 8);
        for (std::size_t j = 0; j < values.size(); ++j) {
            EXPECT_NEAR(decoded[j], values[j], half_step + floating);
        }
    }
}

// X -> X^(5^r) on the polynomial is the rotation by r of the slots: only floating point differs.
TEST(Encoder, AutomorphismsRotateSlots) {
    test::Random random(5);
    const unsigned log_n = 8;
    const Parameters ring = small_ring(log_n, 1);
    const Encoder encoder(ring);
    const Slots values = random_slots(random, ring.slots());
    const Plaintext plaintext = encoder.encode(values, 1, 0x1p40);
    const Slots decoded = encoder.decode_complex(plaintext);
    for (const std::uint32_t steps : {0U, 1U, 2U, 3U, 64U, 100U, 127U}) {
        const Permutation& permutation = ring.ring().permutation(galois_element(steps, log_n));
        RnsPoly rotated(ring.n(), 2);
        for (std::size_t i = 0; i < 2; ++i) {
            kernels().permute(rotated.limb(i), plaintext.poly().limb(i), permutation.data(),
                              ring.n());
        }
        Slots expected = decoded;
        std::rotate(expected.begin(), expected.begin() + steps, expected.end());
        const Slots actual = encoder.decode_complex(Plaintext(std::move(rotated), {1, 0x1p40}));
        EXPECT_LE(test::max_abs_error(actual, expected), 2 * floating_point_bound(values, log_n))
            << steps;
    }
}

TEST(Encoder, ProductsOfPolynomialsAreProductsOfSlots) {
    test::Random random(6);
    const Parameters ring = small_ring(9, 2);
    const Encoder encoder(ring);
    const Slots a = random_slots(random, ring.slots());
    const Slots b = random_slots(random, ring.slots());
    const Plaintext pa = encoder.encode(a, 2, 0x1p30);
    const Plaintext pb = encoder.encode(b, 2, 0x1p30);
    RnsPoly product(ring.n(), 3);
    for (std::size_t i = 0; i < 3; ++i) {
        kernels().multiply(product.limb(i), pa.poly().limb(i), pb.poly().limb(i), ring.n(),
                           ring.ring().modulus(i));
    }
    Slots expected(ring.slots());
    for (std::size_t j = 0; j < expected.size(); ++j) {
        expected[j] = a[j] * b[j];
    }
    const double variance =
        static_cast<double>(ring.n()) / 12 * (test::power(a) + test::power(b)) * 0x1p-60;
    EXPECT_TRUE(test::is_noise(encoder.decode_complex(Plaintext(std::move(product), {2, 0x1p60})),
                               expected, variance));
}

TEST(Encoder, RefusesWhatItCannotEncode) {
    const Parameters ring = small_ring(8, 1);
    const Encoder encoder(ring);
    const auto encode = [&](std::vector<double> values, std::size_t level, double scale) {
        return [&encoder, values, level, scale] {
            static_cast<void>(encoder.encode(values, level, scale));
        };
    };
    constexpr auto bad = ErrorCode::invalid_argument;
    const double infinite = std::numeric_limits<double>::infinity();
    const double nan = std::numeric_limits<double>::quiet_NaN();
    EXPECT_TRUE(throws(bad, {"128 slots"}, encode(std::vector<double>(129, 1.0), 0, 0x1p40)));
    EXPECT_TRUE(throws(bad, {"level 2", "highest is 1"}, encode({1.0}, 2, 0x1p40)));
    for (const double scale : {0.0, -1.0, infinite, nan}) {
        EXPECT_TRUE(throws(bad, {"scale"}, encode({1.0}, 0, scale))) << scale;
    }
    for (const double value : {infinite, -infinite, nan}) {
        EXPECT_TRUE(throws(bad, {"not finite"}, encode({0.0, value}, 0, 0x1p40))) << value;
    }
    EXPECT_TRUE(throws(bad, {"level 0 holds 2^49"}, encode({1.0}, 0, 0x1p60)));
    // Finite values whose transform overflows, with and without opposite infinities.
    const double huge = std::numeric_limits<double>::max();
    EXPECT_TRUE(throws(bad, {}, encode(std::vector<double>(128, huge), 1, 1.0)));
    test::Random random(7);
    EXPECT_TRUE(throws(bad, {}, encode(test::random_reals(random, 128, huge), 1, 0x1p40)));
}

TEST(Encoder, RefusesToDecodeAScaleThatDoesNotFit) {
    const Parameters ring = small_ring(8, 1);
    RnsPoly zero(ring.n(), 1, true);
    const Plaintext plaintext(std::move(zero), {0, 0x1p60});
    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"2^60", "level 0", "rescale"},
                       [&] { static_cast<void>(Encoder(ring).decode(plaintext)); }));
}

TEST(Encoder, SameBitsOnAnyNumberOfThreads) {
    test::Random random(8);
    const Parameters ring = small_ring(10, 3);
    const Encoder encoder(ring);
    const Slots values = random_slots(random, ring.slots());
    const auto encode = [&] { return encoder.encode(values, 3, 0x1p45); };
    EXPECT_TRUE(test::same_bits(test::with_threads(1, encode).poly(),
                                test::with_threads(2, encode).poly()));
}

}  // namespace
}  // namespace cipherfit
