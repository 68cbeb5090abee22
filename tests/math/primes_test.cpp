#include "math/primes.h"

#include "cipherfit/base/error.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

TEST(Primes, agree_with_the_sieve_of_eratosthenes) {
    constexpr std::size_t bound = 200000;
    std::vector<bool> composite(bound, false);
    composite[0] = composite[1] = true;
    for (std::size_t p = 2; p < bound; ++p) {
        for (std::size_t multiple = p * p; !composite[p] && multiple < bound; multiple += p) {
            composite[multiple] = true;
        }
        ASSERT_EQ(is_prime(p), !composite[p]) << p;
    }
}

TEST(Primes, sees_through_strong_pseudoprimes_and_large_values) {
    // Strong pseudoprimes to the first 1, 2, ... prime bases, and a Carmichael number.
    for (const std::uint64_t n :
         {std::uint64_t{2047}, std::uint64_t{1373653}, std::uint64_t{25326001},
          std::uint64_t{3215031751}, std::uint64_t{2152302898747}, std::uint64_t{3474749660383},
          std::uint64_t{341550071728321}, std::uint64_t{3825123056546413051}, std::uint64_t{561}}) {
        EXPECT_FALSE(is_prime(n)) << n;
    }
    EXPECT_TRUE(is_prime(18446744073709551557U));  // the largest below 2^64
    EXPECT_TRUE(is_prime((std::uint64_t{1} << 61U) - 1));
    EXPECT_FALSE(is_prime(18446744073709551615U));
    EXPECT_FALSE(is_prime(4294967291U * 4294967279U));
}

TEST(Primes, suit_the_transform_and_are_distinct) {
    for (const unsigned log_n : {4U, 12U, 17U}) {
        for (const unsigned bits : {30U, 40U, 49U, 50U}) {
            const std::vector<std::uint64_t> primes = ntt_primes(log_n, bits, 12);
            ASSERT_EQ(primes.size(), 12U);
            EXPECT_EQ(std::set(primes.begin(), primes.end()).size(), 12U);
            for (const std::uint64_t p : primes) {
                EXPECT_TRUE(is_prime(p)) << p;
                EXPECT_EQ(p % (std::uint64_t{2} << log_n), 1U) << p;
                EXPECT_LT(p, std::uint64_t{1} << 50U);
                EXPECT_LE(std::abs(std::log2(static_cast<double>(p)) - bits), 0.5);
            }
        }
    }
}

TEST(Primes, alternate_around_the_power_of_two_and_move_away_from_it) {
    const std::uint64_t centre = std::uint64_t{1} << 45U;
    const std::vector<std::uint64_t> primes = ntt_primes(14, 45, 10);
    for (std::size_t i = 0; i < primes.size(); ++i) {
        EXPECT_EQ(primes[i] > centre, i % 2 == 0) << i;
        if (i >= 2) {
            EXPECT_GT(std::max(primes[i], centre) - std::min(primes[i], centre),
                      std::max(primes[i - 2], centre) - std::min(primes[i - 2], centre));
        }
    }
    for (const std::uint64_t p : ntt_primes(14, 50, 10)) {
        EXPECT_LT(p, std::uint64_t{1} << 50U);
    }
}

TEST(Primes, are_the_nearest_on_each_side) {
    const std::uint64_t centre = std::uint64_t{1} << 40U;
    const std::uint64_t step = std::uint64_t{2} << 13U;
    const std::vector<std::uint64_t> primes = ntt_primes(13, 40, 6);
    std::size_t found = 0;
    for (std::uint64_t p = primes[5]; p <= primes[4]; p += step) {
        found += is_prime(p) ? 1 : 0;
    }
    EXPECT_EQ(found, 6U);
    EXPECT_LT(primes[5], centre);
    EXPECT_GT(primes[4], centre);
}

TEST(Primes, leave_out_the_ones_that_are_taken) {
    const std::vector<std::uint64_t> first = ntt_primes(13, 40, 5);
    for (const std::uint64_t p : ntt_primes(13, 40, 5, first)) {
        EXPECT_EQ(std::ranges::count(first, p), 0) << p;
    }
}

TEST(Primes, refuse_what_does_not_exist) {
    EXPECT_THROW(ntt_primes(12, 19, 1), Error);
    EXPECT_THROW(ntt_primes(12, 51, 1), Error);
    EXPECT_THROW(ntt_primes(18, 40, 1), Error);
    EXPECT_THROW(ntt_primes(0, 40, 1), Error);
    try {
        ntt_primes(17, 20, 100);
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
        EXPECT_NE(std::string(error.what()).find("of 100 primes"), std::string::npos);
    }
}

}  // namespace
}  // namespace cipherfit
