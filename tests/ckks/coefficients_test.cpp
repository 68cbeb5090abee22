// Plaintexts from coefficients, at scales beyond what a double or 64 bits hold.
#include "cipherfit/ckks/coefficients.h"

#include "rlwe/ring.h"
#include "support/errors.h"
#include "support/rings.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

__extension__ typedef __int128 Wide128;

// Every residue is that of the exact product, for values with 64 significant bits.
TEST(Coefficients, AreExactToTheLastBitOfTheirMantissas) {
    const Parameters parameters = test::small_ring(5, 3);
    const Ring& ring = parameters.ring();
    std::vector<long double> values(ring.n());
    std::vector<Wide128> expected(ring.n());
    for (std::size_t k = 0; k < ring.n(); ++k) {
        const std::uint64_t mantissa = 0x9e3779b97f4a7c15U * (k + 1) | 1U;
        const long double sign = k % 3 == 0 ? -1 : 1;
        values[k] = sign * std::ldexp(static_cast<long double>(mantissa), -64);
        expected[k] = static_cast<Wide128>(mantissa) * 64 * (k % 3 == 0 ? -1 : 1);
    }
    const Plaintext plaintext = encode_coefficients(parameters, values, 2, 0x1p70);
    EXPECT_EQ(plaintext.level(), 2U);
    EXPECT_EQ(plaintext.scale(), 0x1p70);
    RnsPoly poly = plaintext.poly().copy();
    for (std::size_t limb = 0; limb < 3; ++limb) {
        ring.inverse(poly.limb(limb), limb);
        const auto q = static_cast<Wide128>(ring.modulus(limb).value);
        for (std::size_t k = 0; k < ring.n(); ++k) {
            EXPECT_EQ(static_cast<std::uint64_t>(((expected[k] % q) + q) % q), poly.limb(limb)[k]);
        }
    }
}

TEST(Coefficients, RoundToTheNearestInteger) {
    const Parameters parameters = test::small_ring(5, 1);
    std::vector<long double> values(parameters.n());
    values[0] = 0.3L;
    values[1] = -0.3L;
    RnsPoly poly = encode_coefficients(parameters, values, 0, 8).poly().copy();
    parameters.ring().inverse(poly.limb(0), 0);
    EXPECT_EQ(poly.limb(0)[0], 2U);
    EXPECT_EQ(poly.limb(0)[1], parameters.q(0) - 2);
    EXPECT_EQ(poly.limb(0)[2], 0U);
}

TEST(Coefficients, RefuseWhatDoesNotFit) {
    const Parameters parameters = test::small_ring(5, 1);
    std::vector<long double> values(parameters.n(), 1);
    const auto refused = [&](std::size_t level, double scale,
                             std::initializer_list<std::string_view> words) {
        EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, words,
                                 [&] { encode_coefficients(parameters, values, level, scale); }));
    };
    refused(2, 1, {"level 2", "highest is 1"});
    refused(1, -1, {"positive", "-1"});
    refused(0, 0x1p50, {"2^50.0", "level 0"});
    values[3] = std::numeric_limits<long double>::quiet_NaN();
    refused(1, 1, {"does not fit"});
    values.pop_back();
    refused(1, 1, {"32 coefficients", "31"});
}

}  // namespace
}  // namespace cipherfit
