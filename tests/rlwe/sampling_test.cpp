#include "rlwe/owner/sampling.h"

#include "math/primes.h"
#include "rlwe/uniform.h"
#include "support/rings.h"
#include "support/statistics.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

constexpr std::size_t samples = 1U << 20U;

Seed seed_from(std::uint8_t value) {
    Seed seed{};
    seed.fill(value);
    return seed;
}

double mean(std::span<const std::int8_t> values, double power) {
    double sum = 0;
    for (const std::int8_t value : values) {
        sum += std::pow(value, power);
    }
    return sum / static_cast<double>(values.size());
}

TEST(Sampling, TernaryIsUniform) {
    std::vector<std::int8_t> values(samples);
    SecretSampler(seed_from(1)).ternary(values);
    std::array<std::size_t, 3> counts{};
    for (const std::int8_t value : values) {
        ASSERT_TRUE(value >= -1 && value <= 1);
        ++counts[static_cast<std::size_t>(value + 1)];
    }
    const std::array<double, 3> thirds{1.0 / 3, 1.0 / 3, 1.0 / 3};
    EXPECT_LT(test::chi_square_deviations(counts, thirds), 6);
    // Neighbours are independent: the pairs are uniform too.
    std::array<std::size_t, 9> pairs{};
    for (std::size_t i = 0; i + 1 < samples; i += 2) {
        ++pairs[static_cast<std::size_t>(3 * (values[i] + 1) + values[i + 1] + 1)];
    }
    std::array<double, 9> ninths{};
    ninths.fill(1.0 / 9);
    EXPECT_LT(test::chi_square_deviations(pairs, ninths), 6);
}

TEST(Sampling, GaussianHasTheExactProbabilities) {
    std::vector<std::int8_t> values(samples);
    SecretSampler(seed_from(2)).gaussian(values);
    // P(k) = exp(-k^2 / (2 sigma^2)) / sum, |k| <= 30.
    std::vector<double> weights;
    for (int k = -largest_error; k <= largest_error; ++k) {
        weights.push_back(std::exp(-k * k / (2 * error_sigma * error_sigma)));
    }
    const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
    // One cell a value where at least 20 samples are expected, one for each tail.
    constexpr int tail = 13;
    std::vector<double> probabilities(2 * tail + 1);
    std::vector<std::size_t> counts(2 * tail + 1);
    const auto cell = [tail](int k) {
        return static_cast<std::size_t>(std::clamp(k, -tail, tail) + tail);
    };
    for (int k = -largest_error; k <= largest_error; ++k) {
        probabilities[cell(k)] += weights[static_cast<std::size_t>(k + largest_error)] / total;
    }
    for (const std::int8_t value : values) {
        ASSERT_LE(std::abs(value), largest_error);
        ++counts[cell(value)];
    }
    EXPECT_GT(*std::min_element(probabilities.begin(), probabilities.end()) * samples, 20);
    EXPECT_LT(test::chi_square_deviations(counts, probabilities), 6);
    // Six standard deviations of a mean of 2^20: sigma / 2^10, and sqrt(2) sigma^2 / 2^10.
    EXPECT_LT(std::abs(mean(values, 1)), 6 * error_sigma / 1024);
    EXPECT_NEAR(mean(values, 2), error_sigma * error_sigma,
                6 * std::sqrt(2.0) * error_sigma * error_sigma / 1024);
}

TEST(Sampling, SeedsDecideAndFreshSamplersDiffer) {
    std::vector<std::int8_t> a(3000);
    std::vector<std::int8_t> b(3000);
    SecretSampler(seed_from(3)).gaussian(a);
    SecretSampler(seed_from(3)).gaussian(b);
    EXPECT_EQ(a, b);
    SecretSampler(seed_from(4)).gaussian(b);
    EXPECT_NE(a, b);
    SecretSampler().gaussian(a);
    SecretSampler().gaussian(b);
    EXPECT_NE(a, b);
    SecretSampler().ternary(a);
    SecretSampler().ternary(b);
    EXPECT_NE(a, b);
    // Successive draws go on in the stream.
    SecretSampler sampler(seed_from(5));
    sampler.gaussian(a);
    sampler.gaussian(b);
    EXPECT_NE(a, b);
}

TEST(Sampling, SmallCoefficientsBecomeResiduesOfEveryLimb) {
    const Parameters parameters = test::small_ring(6, 2);
    const Ring& ring = parameters.ring();
    std::vector<std::int8_t> coefficients(ring.n());
    for (std::size_t i = 0; i < ring.n(); ++i) {
        coefficients[i] = static_cast<std::int8_t>(static_cast<int>(i) - 30);
    }
    const std::size_t level = 1;
    const std::size_t limbs = level + 1 + ring.p_count();
    RnsPoly poly = small_to_ntt(ring, coefficients, limbs, level);
    for (std::size_t limb = 0; limb < limbs; ++limb) {
        const std::size_t prime = ring.prime_of_limb(limb, level);
        EXPECT_EQ(prime, limb <= level ? limb : limb + 1);
        ring.inverse(poly.limb(limb), prime);
        for (std::size_t i = 0; i < ring.n(); ++i) {
            ASSERT_EQ(centred(poly.limb(limb)[i], ring.modulus(prime)), coefficients[i]);
        }
    }
}

TEST(Uniform, ResiduesAreUniformBelowThePrime) {
    for (const unsigned bits : {20U, 36U, 49U, 50U}) {
        const std::uint64_t prime = ntt_primes(8, bits, 1)[0];
        const Modulus q = Modulus::create(prime);
        std::vector<std::uint64_t> values(1U << 18U);
        expand_uniform(values.data(), values.size(), seed_from(6), bits, q);
        constexpr std::size_t cells = 64;
        std::array<std::size_t, cells> high{};
        std::array<std::size_t, cells> low{};
        std::array<double, cells> even{};
        even.fill(1.0 / cells);
        for (const std::uint64_t value : values) {
            ASSERT_LT(value, prime);
            ++high[static_cast<std::size_t>(static_cast<double>(value) /
                                            static_cast<double>(prime) * cells)];
            ++low[value % cells];  // uneven by 2^-20 or less
        }
        EXPECT_LT(test::chi_square_deviations(high, even), 6) << bits;
        EXPECT_LT(test::chi_square_deviations(low, even), 6) << bits;
    }
}

TEST(Uniform, SeedStreamAndModulusDecide) {
    const auto primes = ntt_primes(8, 40, 2);
    const auto expand = [&](std::uint8_t seed, std::uint64_t stream, std::size_t prime) {
        std::vector<std::uint64_t> values(1000);
        expand_uniform(values.data(), values.size(), seed_from(seed), stream,
                       Modulus::create(primes[prime]));
        return values;
    };
    EXPECT_EQ(expand(1, 2, 0), expand(1, 2, 0));
    EXPECT_NE(expand(1, 2, 0), expand(2, 2, 0));
    EXPECT_NE(expand(1, 2, 0), expand(1, 3, 0));
    EXPECT_NE(expand(1, 2, 0), expand(1, 2, 1));
    // A prefix of a longer expansion.
    const auto all = expand(1, 2, 0);
    std::vector<std::uint64_t> some(100);
    expand_uniform(some.data(), some.size(), seed_from(1), 2, Modulus::create(primes[0]));
    EXPECT_TRUE(std::equal(some.begin(), some.end(), all.begin()));
}

TEST(Uniform, StreamsOfDigitsAndPrimesNeverMeet) {
    EXPECT_NE(uniform_stream(0, 1), uniform_stream(1, 0));
    EXPECT_NE(uniform_stream(1, 0), uniform_stream(2, 0));
    EXPECT_EQ(uniform_stream(0, 7), 7U);
}

}  // namespace
}  // namespace cipherfit
