// Secret keys, public keys, key requests and the keys' sizes.
#include "cipherfit/rlwe/owner/secret_key.h"
#include "rlwe/ring.h"
#include "support/errors.h"
#include "support/property.h"
#include "support/rings.h"
#include "support/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace cipherfit {
namespace {

using test::small_ring;
using test::throws;

TEST(SecretKey, IsTernaryAndFreshAndKnownToEveryLimb) {
    const Parameters parameters = small_ring(12, 2);
    const SecretKey key = SecretKey::generate(parameters);
    std::array<std::size_t, 3> counts{};
    for (const std::int8_t value : key.coefficients()) {
        ASSERT_TRUE(value >= -1 && value <= 1);
        ++counts[static_cast<std::size_t>(value + 1)];
    }
    // 4,096 fresh coefficients: chance 3e-9 at 6 deviations of the normal count of each value.
    for (const std::size_t count : counts) {
        EXPECT_NEAR(static_cast<double>(count), 4096 / 3.0, 6 * std::sqrt(4096 * 2 / 9.0));
    }
    const SecretKey other = SecretKey::generate(parameters);
    EXPECT_FALSE(std::ranges::equal(key.coefficients(), other.coefficients()));
    EXPECT_NE(key.id(), other.id());
    const Ring& ring = parameters.ring();
    RnsPoly values = key.ntt().copy();
    ASSERT_EQ(values.limbs(), 3 + ring.p_count());
    for (std::size_t prime = 0; prime < values.limbs(); ++prime) {
        ring.inverse(values.limb(prime), prime);
        for (std::size_t i = 0; i < ring.n(); ++i) {
            ASSERT_EQ(centred(values.limb(prime)[i], ring.modulus(prime)), key.coefficients()[i]);
        }
    }
}

TEST(SecretKey, ComesBackFromItsCoefficientsAndFromNothingElse) {
    const Parameters parameters = small_ring(6, 1);
    const SecretKey key = SecretKey::generate(parameters);
    std::vector<std::int8_t> coefficients(key.coefficients().begin(), key.coefficients().end());
    const SecretKey back = SecretKey::from_coefficients(parameters, coefficients, key.id());
    EXPECT_TRUE(std::ranges::equal(back.coefficients(), key.coefficients()));
    EXPECT_EQ(back.id(), key.id());
    EXPECT_TRUE(
        std::equal(key.ntt().limb(0), key.ntt().limb(0) + parameters.n(), back.ntt().limb(0)));
    const auto refused = [&](std::vector<std::int8_t> values) {
        return throws(ErrorCode::corrupt_data, {"64"}, [&] {
            static_cast<void>(SecretKey::from_coefficients(parameters, values, key.id()));
        });
    };
    for (const int value : {2, -2, 127, -128}) {
        auto changed = coefficients;
        changed[63] = static_cast<std::int8_t>(value);
        EXPECT_TRUE(refused(changed));
    }
    EXPECT_TRUE(refused({}));
    auto longer = coefficients;
    longer.push_back(0);
    EXPECT_TRUE(refused(longer));
    coefficients.pop_back();
    EXPECT_TRUE(refused(coefficients));
}

TEST(SecretKey, Moves) {
    const Parameters parameters = small_ring(6, 1);
    SecretKey a = SecretKey::generate(parameters);
    const std::vector<std::int8_t> before(a.coefficients().begin(), a.coefficients().end());
    SecretKey b = std::move(a);
    EXPECT_TRUE(std::ranges::equal(b.coefficients(), before));
    SecretKey c = SecretKey::generate(small_ring(7, 2));
    c = std::move(b);
    EXPECT_TRUE(std::ranges::equal(c.coefficients(), before));
    EXPECT_EQ(c.parameters(), parameters);
    EXPECT_EQ(c.ntt().n(), parameters.n());
}

// b + a s is a small error, not zero.
TEST(PublicKey, IsAnEncryptionOfZero) {
    const Parameters parameters = small_ring(10, 2);
    const Ring& ring = parameters.ring();
    const SecretKey key = SecretKey::generate(parameters);
    const PublicKey public_key = KeyGenerator(key).public_key();
    double sum = 0;
    for (std::size_t i = 0; i < 3; ++i) {
        RnsPoly error(ring.n(), 1);
        kernels().multiply(error.limb(0), public_key.a.limb(i), key.ntt().limb(i), ring.n(),
                           ring.modulus(i));
        kernels().add(error.limb(0), error.limb(0), public_key.b.limb(i), ring.n(),
                      ring.modulus(i));
        ring.inverse(error.limb(0), i);
        for (std::size_t k = 0; k < ring.n(); ++k) {
            const auto value = static_cast<double>(centred(error.limb(0)[k], ring.modulus(i)));
            ASSERT_LE(std::abs(value), 30);
            sum += value * value;
        }
    }
    // The same error in all limbs: 1,024 squares of variance 2 sigma^4.
    EXPECT_NEAR(sum / 3 / 1024, 10.24, 6 * std::sqrt(2.0 / 1024) * 10.24);
    EXPECT_NE(public_key.seed, KeyGenerator(key).public_key().seed);
}

TEST(KeyId, RotationsAreTakenModuloTheSlots) {
    EXPECT_EQ(KeyId::of_rotation(1, 128).code, 1U);
    EXPECT_EQ(KeyId::of_rotation(-1, 128).code, 127U);
    EXPECT_EQ(KeyId::of_rotation(129, 128).code, 1U);
    EXPECT_EQ(KeyId::of_rotation(-300, 128).code, 84U);
    EXPECT_FALSE(KeyId::of_rotation(64, 128).is_relinearization());
    EXPECT_TRUE(KeyId::relinearization().is_relinearization());
    for (const std::int64_t steps : {0, 128, -256}) {
        EXPECT_TRUE(throws(ErrorCode::invalid_argument, {std::to_string(steps), "128"},
                           [&] { static_cast<void>(KeyId::of_rotation(steps, 128)); }));
    }
}

TEST(KeyId, GaloisElementsArePowersOfFive) {
    for (const unsigned log_n : {5U, 12U, 17U}) {
        std::uint64_t power = 1;
        for (std::uint32_t steps = 0; steps < 1000; ++steps) {
            ASSERT_EQ(galois_element(steps, log_n), power);
            power = power * 5 % (std::uint64_t{2} << log_n);
        }
        // 5 has the order N/2.
        EXPECT_EQ(galois_element(std::uint32_t{1} << (log_n - 1), log_n), 1U);
        EXPECT_NE(galois_element(std::uint32_t{1} << (log_n - 2), log_n), 1U);
    }
}

TEST(KeyRequest, KeepsTheHighestLevelOfEachKey) {
    KeyRequest a;
    a.rotation(3, 128, 2);
    a.rotation(-125, 128, 1);  // the same rotation
    a.relinearization(0);
    KeyRequest b;
    b.rotation(3, 128, 5);
    b.rotation(4, 128, 1);
    b.relinearization(4);
    a.merge(b);
    const std::map<KeyId, std::size_t> expected{{{0}, 4}, {{3}, 5}, {{4}, 1}};
    EXPECT_EQ(a.levels(), expected);
    b.merge(KeyRequest{});
    EXPECT_EQ(b.levels().size(), 3U);
}

TEST(EvaluationKeys, MeetARequestOrSayWhatIsMissing) {
    const Parameters parameters = small_ring(6, 3);
    const SecretKey key = SecretKey::generate(parameters);
    KeyRequest request;
    request.rotation(3, 32, 2);
    request.relinearization(1);
    EvaluationKeys keys = KeyGenerator(key).evaluation_keys(request);
    EXPECT_EQ(keys.size(), 2U);
    EXPECT_NO_THROW(keys.check(request));
    EXPECT_TRUE(keys.contains({3}));
    EXPECT_FALSE(keys.contains({4}));
    EXPECT_EQ(keys.get({3}, 0).level, 2U);
    constexpr auto missing = ErrorCode::missing_key;
    KeyRequest more = request;
    more.rotation(4, 32, 0);
    EXPECT_TRUE(throws(missing, {"rotation by 4"}, [&] { keys.check(more); }));
    KeyRequest higher = request;
    higher.relinearization(2);
    EXPECT_TRUE(throws(missing, {"relinearisation", "level 1", "2"}, [&] { keys.check(higher); }));
    keys.insert(expand(KeyGenerator(key).switching_key(KeyId::relinearization(), 3), parameters));
    EXPECT_EQ(keys.size(), 2U);
    EXPECT_NO_THROW(keys.check(higher));
}

TEST(SwitchingKey, RefusesImpossibleOnes) {
    const Parameters parameters = small_ring(6, 2, 40, 2);
    const SecretKey key = SecretKey::generate(parameters);
    const KeyGenerator generator(key);
    constexpr auto bad = ErrorCode::invalid_argument;
    EXPECT_TRUE(throws(bad, {"3"}, [&] { static_cast<void>(generator.switching_key({1}, 3)); }));
    EXPECT_TRUE(throws(bad, {"32"}, [&] { static_cast<void>(generator.switching_key({32}, 2)); }));
    const auto refused = [&](auto&& change) {
        SeededSwitchingKey seeded = generator.switching_key({1}, 2);
        change(seeded);
        return throws(ErrorCode::corrupt_data, {"level"},
                      [&] { static_cast<void>(expand(std::move(seeded), parameters)); });
    };
    EXPECT_TRUE(refused([](auto& k) { k.b.pop_back(); }));
    EXPECT_TRUE(refused([](auto& k) { k.level = 1; }));
    EXPECT_TRUE(refused([](auto& k) { k.level = 3; }));
    EXPECT_TRUE(refused([](auto& k) { k.level = ~std::size_t{0}; }));
    EXPECT_TRUE(refused([](auto& k) { k.b[0] = RnsPoly(32, k.b[0].limbs(), true); }));
    EXPECT_TRUE(refused([](auto& k) { k.b[1] = RnsPoly(64, k.b[0].limbs() - 1, true); }));
}

TEST(SwitchingKey, SizesAreWhatIsMade) {
    const Parameters parameters = small_ring(6, 4, 36, 3);
    const SecretKey secret = SecretKey::generate(parameters);
    for (std::size_t level = 0; level <= 4; ++level) {
        const SeededSwitchingKey seeded = KeyGenerator(secret).switching_key({5}, level);
        std::size_t bits = 0;
        for (const RnsPoly& b : seeded.b) {
            for (std::size_t limb = 0; limb < b.limbs(); ++limb) {
                const std::size_t prime = parameters.ring().prime_of_limb(limb, level);
                bits += parameters.ring().modulus(prime).bits() * b.n();
            }
        }
        EXPECT_EQ(switching_key_packed_bytes(parameters, level), bits / 8 + 32);
        const SwitchingKey key = expand(KeyGenerator(secret).switching_key({5}, level), parameters);
        std::size_t bytes = 0;
        for (const auto* polys : {&key.b, &key.a}) {
            for (const RnsPoly& poly : *polys) {
                bytes += poly.bytes();
            }
        }
        EXPECT_EQ(switching_key_memory_bytes(parameters, level), bytes);
    }
}

TEST(SwitchingKey, TwoOfOneSecretShareNothing) {
    const Parameters parameters = small_ring(8, 2);
    const SecretKey secret = SecretKey::generate(parameters);
    const SeededSwitchingKey a = KeyGenerator(secret).switching_key({1}, 2);
    const SeededSwitchingKey b = KeyGenerator(secret).switching_key({1}, 2);
    EXPECT_NE(a.seed, b.seed);
    std::size_t equal = 0;
    for (std::size_t i = 0; i < parameters.n() * a.b[0].limbs(); ++i) {
        equal += a.b[0].limb(0)[i] == b.b[0].limb(0)[i] ? 1U : 0U;
    }
    EXPECT_LE(equal, 1U);  // about 1,500 residues of 40 bits: one meeting in 2^29
}

}  // namespace
}  // namespace cipherfit
