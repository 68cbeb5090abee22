#include "cipherfit/rlwe/security.h"

#include "support/errors.h"

#include <array>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::throws;

constexpr std::array all{SecurityLevel::classical_128, SecurityLevel::classical_192,
                         SecurityLevel::classical_256, SecurityLevel::quantum_128};

// Typed from the sources that SECURITY.md names, N = 2^12 to 2^17.
TEST(Security, HasThePublishedTables) {
    const std::array<std::array<double, 6>, 4> published{{{106, 214, 430, 868, 1747, 3523},
                                                          {73, 147, 297, 597, 1199, 2411},
                                                          {56, 114, 230, 462, 929, 1866},
                                                          {80, 161, 322, 644, 1289, 2578}}};
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
    // Whatever the first version of the paper's table had for quantum computers is no less.
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

TEST(Security, TheSparseSecretNeedsALargeRingAndASmallModulus) {
    const auto parameters = [](unsigned log_n, unsigned special, bool insecure) {
        return Parameters::create(ParametersLiteral{.log_n = log_n,
                                                    .q_bits = {49},
                                                    .p_bits = {special},
                                                    .digits = 1,
                                                    .insecure_for_tests_only = insecure});
    };
    EXPECT_NO_THROW(require_secure_encapsulation(parameters(16, 50, false)));
    EXPECT_TRUE(throws(ErrorCode::insecure_parameters, {"2^15", "2^16"},
                       [&] { require_secure_encapsulation(parameters(15, 50, false)); }));
    EXPECT_NO_THROW(require_secure_encapsulation(parameters(9, 50, true)));
}

}  // namespace
}  // namespace cipherfit
