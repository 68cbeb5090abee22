#include "cipherfit/rlwe/parameters.h"

#include "math/primes.h"
#include "support/errors.h"
#include "support/property.h"
#include "support/rings.h"

#include <cmath>
#include <set>

namespace cipherfit {
namespace {

using test::holds;
using test::pick;
using test::small_literal;
using test::small_ring;
using test::throws;

constexpr auto bad = ErrorCode::invalid_argument;

auto creation(const ParametersLiteral& literal) {
    return [literal] { static_cast<void>(Parameters::create(literal)); };
}

auto creation(const ParametersPrimes& primes) {
    return [primes] { static_cast<void>(Parameters::create(primes)); };
}

ParametersPrimes primes_of(const Parameters& parameters) {
    ParametersPrimes primes;
    primes.log_n = parameters.log_n();
    for (std::size_t i = 0; i <= parameters.max_level(); ++i) {
        primes.q.push_back(parameters.q(i));
    }
    for (std::size_t i = 0; i < parameters.special_primes(); ++i) {
        primes.p.push_back(parameters.p(i));
    }
    primes.digits = static_cast<unsigned>(parameters.digits());
    primes.insecure_for_tests_only = parameters.insecure_for_tests_only();
    return primes;
}

TEST(Parameters, PrimesAreWhatTheLiteralAsksFor) {
    const ParametersLiteral literal{.log_n = 9,
                                    .q_bits = {50, 40, 36, 40, 40},
                                    .p_bits = {50, 49, 36},
                                    .digits = 2,
                                    .insecure_for_tests_only = true};
    const Parameters parameters = Parameters::create(literal);
    EXPECT_EQ(parameters.log_n(), 9U);
    EXPECT_EQ(parameters.n(), 512U);
    EXPECT_EQ(parameters.slots(), 256U);
    EXPECT_EQ(parameters.max_level(), 4U);
    EXPECT_EQ(parameters.special_primes(), 3U);
    EXPECT_EQ(parameters.digits(), 2U);
    EXPECT_EQ(parameters.digit_size(), 3U);
    std::set<std::uint64_t> seen;
    double log_q = 0;
    const auto check = [&](std::uint64_t prime, unsigned bits) {
        EXPECT_TRUE(is_prime(prime));
        EXPECT_EQ(prime % 1024, 1U);
        EXPECT_LT(prime, std::uint64_t{1} << 50);
        EXPECT_NEAR(std::log2(static_cast<double>(prime)), bits, 0.01);
        EXPECT_TRUE(seen.insert(prime).second);
    };
    for (std::size_t i = 0; i < 5; ++i) {
        check(parameters.q(i), literal.q_bits[i]);
        log_q += std::log2(static_cast<double>(parameters.q(i)));
        EXPECT_DOUBLE_EQ(parameters.log_q(i), log_q);
        EXPECT_EQ(parameters.digits_at(i), i < 3 ? 1U : 2U);
    }
    for (std::size_t i = 0; i < 3; ++i) {
        check(parameters.p(i), literal.p_bits[i]);
        log_q += std::log2(static_cast<double>(parameters.p(i)));
    }
    EXPECT_NEAR(parameters.log_qp(), log_q, 1e-9);
    EXPECT_EQ(parameters, Parameters::create(literal));
    EXPECT_EQ(parameters.fingerprint(), sha256(parameters.to_bytes()));
}

TEST(Parameters, TheSecurityTableIsThePublishedOne) {
    const double table[] = {106, 214, 430, 868, 1747, 3523};  // ePrint 2024/463, Table 5.2
    for (unsigned log_n = 12; log_n <= 17; ++log_n) {
        EXPECT_EQ(largest_secure_log_qp(log_n), table[log_n - 12]);
    }
    for (const unsigned log_n : {0U, 11U, 18U, 100U}) {
        EXPECT_TRUE(throws(bad, {"12 to 17", std::to_string(log_n)},
                           [&] { static_cast<void>(largest_secure_log_qp(log_n)); }));
    }
}

// Within a hundredth of a bit below the table's limit, and then as little above it.
TEST(Parameters, TheTableIsALimitForEveryRing) {
    for (unsigned log_n = 12; log_n <= 15; ++log_n) {  // above, tables of NTTs take long
        const double limit = largest_secure_log_qp(log_n);
        ParametersPrimes primes{
            .log_n = log_n, .q = {}, .p = {}, .digits = 1, .insecure_for_tests_only = false};
        // Half the limit for Q, rounded down to whole 40-bit primes, and P to fill the rest.
        const auto count = static_cast<std::size_t>(limit / 2 / 41);
        const auto q = ntt_primes(log_n, 40, count);
        primes.q.assign(q.begin(), q.end());
        double log_q = 0;
        for (const std::uint64_t prime : primes.q) {
            log_q += std::log2(static_cast<double>(prime));
        }
        primes.digits = static_cast<unsigned>(count);
        const auto fill = [&](double bits) {  // special primes whose product is about 2^bits
            const auto p_count = static_cast<std::size_t>(std::ceil(bits / 49.9));
            const double each = bits / static_cast<double>(p_count);
            std::vector<std::uint64_t> p;
            const auto step = std::uint64_t{2} << log_n;
            auto candidate = (static_cast<std::uint64_t>(std::exp2(each)) / step) * step + 1;
            while (p.size() < p_count) {
                if (is_prime(candidate) && std::find(q.begin(), q.end(), candidate) == q.end()) {
                    p.push_back(candidate);
                }
                candidate -= step;
            }
            return p;
        };
        // Primes = 1 mod 2N are about 28 * 2^(log_n + 1) apart: 2^-18 of 40-bit ones at worst.
        primes.p = fill(limit - log_q);
        const Parameters at = Parameters::create(primes);
        EXPECT_LE(at.log_qp(), limit);
        EXPECT_GT(at.log_qp(), limit - 0.01);
        EXPECT_EQ(at.security_bits(), 128U);
        primes.p = fill(limit - log_q + 0.02);
        EXPECT_TRUE(throws(ErrorCode::insecure_parameters,
                           {"128-bit", "2024/463", std::to_string(log_n)}, creation(primes)));
        primes.insecure_for_tests_only = true;
        const Parameters above = Parameters::create(primes);
        EXPECT_EQ(above.security_bits(), 0U);
        EXPECT_TRUE(above.insecure_for_tests_only());
    }
    // The two largest rings, above the limit only: refused before any table is built.
    for (const unsigned log_n : {16U, 17U}) {
        const auto count = static_cast<std::size_t>(largest_secure_log_qp(log_n) / 50);
        ParametersLiteral literal{.log_n = log_n,
                                  .q_bits = std::vector<unsigned>(count, 50),
                                  .p_bits = {50, 50},
                                  .digits = static_cast<unsigned>(count),
                                  .insecure_for_tests_only = false};
        EXPECT_TRUE(
            throws(ErrorCode::insecure_parameters, {std::to_string(log_n)}, creation(literal)));
    }
}

TEST(Parameters, LiteralsOutOfRangeAreRefusedWithValues) {
    const auto changed = [](auto&& change) {
        ParametersLiteral literal = small_literal(8, 3);
        change(literal);
        return creation(literal);
    };
    EXPECT_TRUE(throws(bad, {"5 to 17", "4"}, changed([](auto& l) { l.log_n = 4; })));
    EXPECT_TRUE(throws(bad, {"5 to 17", "18"}, changed([](auto& l) { l.log_n = 18; })));
    EXPECT_TRUE(throws(bad, {"12 to 17", "8"},
                       changed([](auto& l) { l.insecure_for_tests_only = false; })));
    EXPECT_TRUE(throws(bad, {"at least one q"}, changed([](auto& l) { l.q_bits.clear(); })));
    EXPECT_TRUE(throws(bad, {"special"}, changed([](auto& l) { l.p_bits.clear(); })));
    EXPECT_TRUE(throws(bad, {"128"}, changed([](auto& l) { l.q_bits.assign(130, 40); })));
    EXPECT_TRUE(throws(bad, {"digits", "0"}, changed([](auto& l) { l.digits = 0; })));
    EXPECT_TRUE(throws(bad, {"digits", "5"}, changed([](auto& l) { l.digits = 5; })));
    EXPECT_TRUE(throws(bad, {"19"}, changed([](auto& l) { l.q_bits[1] = 19; })));
    EXPECT_TRUE(throws(bad, {"51"}, changed([](auto& l) { l.q_bits[1] = 51; })));
    // One digit of 170 bits and 99 bits of special primes.
    EXPECT_TRUE(
        throws(bad, {"cover", "more digits"}, changed([](auto& l) { l.p_bits = {50, 49}; })));
}

TEST(Parameters, PrimesThatDoNotFitAreRefused) {
    const ParametersPrimes good = primes_of(small_ring(8, 3));
    EXPECT_NO_THROW(creation(good)());
    const auto changed = [&](auto&& change) {
        ParametersPrimes primes = good;
        change(primes);
        return creation(primes);
    };
    EXPECT_TRUE(throws(bad, {"prime"}, changed([](auto& p) { p.q[1] += 512; })));  // composite
    EXPECT_TRUE(throws(bad, {"1099511627791"}, changed([](auto& p) {               // not 1 mod 2N
                           p.q[1] = 1099511627791;
                       })));
    EXPECT_TRUE(throws(bad, {"once"}, changed([](auto& p) { p.q[1] = p.q[2]; })));
    EXPECT_TRUE(throws(bad, {"once"}, changed([](auto& p) { p.p[0] = p.q[2]; })));
    EXPECT_TRUE(throws(bad, {"2^50"}, changed([](auto& p) { p.p[0] = (1ULL << 50) + 1; })));
    EXPECT_TRUE(throws(bad, {}, changed([](auto& p) { p.q[0] = 1; })));
    EXPECT_TRUE(throws(bad, {}, changed([](auto& p) { p.q[0] = 0; })));
    EXPECT_TRUE(throws(bad, {}, changed([](auto& p) { p.log_n = 16; })));
}

TEST(Parameters, BytesRoundTrip) {
    EXPECT_TRUE(holds("parameters", 30, [] {
        const auto levels = pick<std::size_t>(0, 7);
        const Parameters parameters = small_ring(pick(5U, 9U), levels, pick(30U, 45U),
                                                 pick(1U, static_cast<unsigned>(levels) + 2));
        const auto back = Parameters::from_bytes(parameters.to_bytes());
        RC_ASSERT(back.has_value());
        RC_ASSERT(*back == parameters);
        RC_ASSERT(back->to_bytes() == parameters.to_bytes());
    }));
    const Parameters secure = Parameters::create(
        ParametersLiteral{.log_n = 13, .q_bits = {50, 40}, .p_bits = {50, 50}, .digits = 1});
    const auto back = Parameters::from_bytes(secure.to_bytes());
    ASSERT_TRUE(back);
    EXPECT_EQ(back->security_bits(), 128U);
}

TEST(Parameters, EveryTruncationAndExtensionIsAnError) {
    auto bytes = small_ring(8, 3).to_bytes();
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const auto result = Parameters::from_bytes(std::span(bytes).first(size));
        ASSERT_FALSE(result) << size;
        EXPECT_EQ(result.error().code, ErrorCode::corrupt_data);
    }
    for (int i = 0; i < 16; ++i) {
        bytes.push_back(0);
        EXPECT_FALSE(Parameters::from_bytes(bytes));
    }
}

// Never an exception; and no damage to the bytes of secure parameters gives ones that claim
// security but lie outside the table.
TEST(Parameters, DamagedBytesAreAnErrorOrStillSecure) {
    const Parameters secure = Parameters::create(
        ParametersLiteral{.log_n = 12, .q_bits = {36, 30}, .p_bits = {37}, .digits = 2});
    const auto original = secure.to_bytes();
    EXPECT_TRUE(holds("damage", 400, [&] {
        auto bytes = original;
        const int flips = pick(1, 4);
        for (int i = 0; i < flips; ++i) {
            const auto at = pick<std::size_t>(0, bytes.size());
            bytes[at] = static_cast<std::uint8_t>(
                *rc::gen::element(0, 1, 255, bytes[at] ^ (1 << pick(0, 8)), pick(0, 256)));
        }
        const auto result = Parameters::from_bytes(bytes);
        if (result) {
            RC_ASSERT(result->to_bytes() == bytes);
            RC_ASSERT(result->insecure_for_tests_only() ||
                      result->log_qp() <= largest_secure_log_qp(result->log_n()));
            RC_ASSERT((result->security_bits() == 0) == result->insecure_for_tests_only());
        }
    }));
    // Words at their extremes, one at a time.
    for (std::size_t word = 0; word < original.size() / 8; ++word) {
        for (const std::uint64_t value :
             {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 32, std::uint64_t{1} << 50,
              std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
            auto bytes = original;
            for (unsigned i = 0; i < 8; ++i) {
                bytes[8 * word + i] = static_cast<std::uint8_t>(value >> (8U * i));
            }
            const auto result = Parameters::from_bytes(bytes);
            EXPECT_TRUE(!result || result->to_bytes() == bytes) << word << " " << value;
        }
    }
}

}  // namespace
}  // namespace cipherfit
