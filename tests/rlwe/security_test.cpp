#include "cipherfit/rlwe/security.h"

#include "support/errors.h"

#include <array>
#include <cmath>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::throws;

constexpr std::array all{SecurityLevel::classical_128, SecurityLevel::classical_192,
                         SecurityLevel::classical_256, SecurityLevel::quantum_128};

// N = 2^12 to 2^17, typed from the sources and not from the code. Classical: Bossuat et al.,
// "Security Guidelines for Implementing Homomorphic Encryption", ePrint 2024/463, Table 5.2,
// uniform ternary secrets, lambda = 128, 192 and 256. Quantum: no published table; what the scripts
// of that paper give with its later cost model (SECURITY.md, "Parameters").
TEST(Security, HasTheTablesOfItsSources) {
    const std::array<std::array<double, 6>, 4> published{
        {{106, 214, 430, 868, 1747, 3523},   // Table 5.2, lambda = 128
         {73, 147, 297, 597, 1199, 2411},    // Table 5.2, lambda = 192
         {56, 114, 230, 462, 929, 1866},     // Table 5.2, lambda = 256
         {80, 161, 322, 644, 1289, 2578}}};  // scripts, lambda = 128 against quantum computers
    for (std::size_t level = 0; level < all.size(); ++level) {
        for (unsigned log_n = 12; log_n <= 17; ++log_n) {
            EXPECT_EQ(largest_secure_log_qp(log_n, all.at(level)),
                      published.at(level).at(log_n - 12));
        }
        for (const unsigned log_n : {0U, 11U, 18U, ~0U}) {
            EXPECT_TRUE(throws(ErrorCode::invalid_argument, {std::to_string(log_n), "12 to 17"},
                               [&] { largest_secure_log_qp(log_n, all.at(level)); }));
        }
    }
    EXPECT_EQ(largest_secure_log_qp(14), 430);
    // The first version of the paper had a column for quantum computers, which is larger.
    const std::array<double, 6> first_version{101, 203, 409, 825, 1663, 3348};
    for (unsigned log_n = 12; log_n <= 17; ++log_n) {
        EXPECT_LT(largest_secure_log_qp(log_n, SecurityLevel::quantum_128),
                  first_version.at(log_n - 12));
    }
}

TEST(Security, LevelsHaveNames) {
    for (const SecurityLevel level : all) {
        const auto found = security_level_from_name(name(level));
        ASSERT_TRUE(found.has_value());
        EXPECT_EQ(*found, level);
        EXPECT_EQ(describe(level).substr(0, 7), std::to_string(bits(level)) + "-bit");
    }
    for (const char* other : {"", "0", "129", "128Q", "classical"}) {
        const auto found = security_level_from_name(other);
        ASSERT_FALSE(found.has_value());
        EXPECT_EQ(found.error().code, ErrorCode::bad_input);
        EXPECT_NE(found.error().message.find("128q"), std::string::npos);
    }
}

// Primes have at most 50 bits, so that no parameters reach the limit of the modulus: the rule is
// tested on numbers.
TEST(Security, TheSparseSecretNeedsALargeRingAndASmallModulus) {
    EXPECT_NO_THROW(require_secure_encapsulation(16, 100));
    EXPECT_NO_THROW(require_secure_encapsulation(17, 99.99));
    EXPECT_TRUE(throws(ErrorCode::insecure_parameters, {"2^16", "2^100.50", "at most 2^100"},
                       [] { require_secure_encapsulation(16, 100.5); }));
    EXPECT_TRUE(throws(ErrorCode::insecure_parameters, {"2^17", "at most 2^100"},
                       [] { require_secure_encapsulation(17, std::nextafter(100.0, 101.0)); }));
    EXPECT_TRUE(throws(ErrorCode::insecure_parameters, {"2^15", "2^16 or more"},
                       [] { require_secure_encapsulation(15, 50); }));
}

TEST(Security, ParametersAreHeldToTheRuleOfTheSparseSecret) {
    const auto parameters = [](unsigned log_n, bool insecure) {
        return Parameters::create(ParametersLiteral{.log_n = log_n,
                                                    .q_bits = {49},
                                                    .p_bits = {50},
                                                    .digits = 1,
                                                    .insecure_for_tests_only = insecure});
    };
    EXPECT_NO_THROW(require_secure_encapsulation(parameters(16, false)));
    // What it compares is q_0 p_0.
    const Parameters small = parameters(15, false);
    const double log_q0_p0 =
        std::log2(static_cast<double>(small.q(0))) + std::log2(static_cast<double>(small.p(0)));
    EXPECT_TRUE(throws(ErrorCode::insecure_parameters,
                       {"2^15", fmt::format("2^{:.2f};", log_q0_p0), "2^16"},
                       [&] { require_secure_encapsulation(small); }));
    EXPECT_NO_THROW(require_secure_encapsulation(parameters(9, true)));
}

}  // namespace
}  // namespace cipherfit
