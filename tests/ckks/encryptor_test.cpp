#include "cipherfit/ckks/owner/encryptor.h"

#include "rlwe/ring.h"
#include "support/errors.h"
#include "support/owner.h"

namespace cipherfit {
namespace {

using test::Owner;
using test::random_slots;
using test::Slots;
using test::small_ring;
using test::throws;

TEST(Encryptor, SecretKeyEncryptionHasTheDerivedNoise) {
    test::Random random(1);
    for (const unsigned log_n : {8U, 10U, 12U}) {
        const Owner owner(small_ring(log_n, 2));
        for (const std::size_t level : {0U, 1U, 2U}) {
            for (const double scale : {0x1p25, 0x1p38}) {
                const Slots values = random_slots(random, owner.parameters.slots());
                const Ciphertext ciphertext = owner.encrypt(values, level, scale);
                EXPECT_EQ(ciphertext.size(), 2U);
                EXPECT_EQ(ciphertext.level(), level);
                EXPECT_EQ(ciphertext.scale(), scale);
                EXPECT_TRUE(test::is_noise(owner.decrypt(ciphertext), values,
                                           owner.noise.fresh() / (scale * scale)))
                    << log_n << " level " << level;
            }
        }
    }
}

TEST(Encryptor, PublicKeyEncryptionHasTheDerivedNoise) {
    test::Random random(2);
    for (const unsigned log_n : {9U, 11U}) {
        const Owner owner(small_ring(log_n, 2));
        const PublicKey public_key = KeyGenerator(owner.key).public_key();
        for (const std::size_t level : {0U, 2U}) {
            const double scale = 0x1p38;
            const Slots values = random_slots(random, owner.parameters.slots());
            const Ciphertext ciphertext =
                encrypt(public_key, owner.encoder.encode(values, level, scale));
            EXPECT_EQ(ciphertext.level(), level);
            EXPECT_TRUE(test::is_noise(owner.decrypt(ciphertext), values,
                                       owner.noise.public_key_fresh() / (scale * scale)))
                << log_n << " level " << level;
        }
    }
}

TEST(Encryptor, AnotherKeyDecryptsNothing) {
    test::Random random(3);
    const Owner owner(small_ring(9, 1));
    const SecretKey other = SecretKey::generate(owner.parameters);
    const Slots values = random_slots(random, owner.parameters.slots());
    const Ciphertext ciphertext = owner.encrypt(values, 1, 0x1p40);
    const Slots decoded = owner.encoder.decode_complex(decrypt(other, ciphertext));
    // Coefficients uniform modulo q_0 q_1 = 2^90, of standard deviation 2^90 / sqrt(12).
    EXPECT_GT(test::power(decoded), 0x1p90);
}

TEST(Encryptor, TwoEncryptionsOfOneMessageShareNothing) {
    const Owner owner(small_ring(9, 1));
    const PublicKey public_key = KeyGenerator(owner.key).public_key();
    const Plaintext plaintext = owner.encoder.encode(std::vector<double>{1.0}, 1, 0x1p40);
    const auto common = [&](const Ciphertext& a, const Ciphertext& b, std::size_t part) {
        std::size_t equal = 0;
        for (std::size_t limb = 0; limb < 2; ++limb) {
            for (std::size_t i = 0; i < owner.parameters.n(); ++i) {
                equal += a.part(part).limb(limb)[i] == b.part(part).limb(limb)[i] ? 1U : 0U;
            }
        }
        return equal;
    };
    const auto check = [&](const Ciphertext& a, const Ciphertext& b) {
        // Uniform residues of 40 bits: 1,024 of them agree anywhere with probability 2^-30.
        EXPECT_LE(common(a, b, 0), 1U);
        EXPECT_LE(common(a, b, 1), 1U);
    };
    check(encrypt(owner.key, plaintext), encrypt(owner.key, plaintext));
    check(encrypt(public_key, plaintext), encrypt(public_key, plaintext));
    EXPECT_NE(encrypt_seeded(owner.key, plaintext).seed, encrypt_seeded(owner.key, plaintext).seed);
}

TEST(Encryptor, SeededCiphertextsExpandTheSameEverywhere) {
    test::Random random(4);
    const Owner owner(small_ring(9, 2));
    const Slots values = random_slots(random, owner.parameters.slots());
    const SeededCiphertext seeded =
        encrypt_seeded(owner.key, owner.encoder.encode(values, 2, 0x1p40));
    const auto expanded = [&] { return expand(seeded, owner.parameters); };
    const Ciphertext one = test::with_threads(1, expanded);
    EXPECT_TRUE(test::same_bits(one, test::with_threads(2, expanded)));
    EXPECT_TRUE(test::same_bits(one.part(0), seeded.c0));
    EXPECT_TRUE(
        test::is_noise(owner.decrypt(one), values, owner.noise.fresh() / (0x1p40 * 0x1p40)));
    for (std::size_t limb = 0; limb < 3; ++limb) {
        for (std::size_t i = 0; i < owner.parameters.n(); ++i) {
            ASSERT_LT(one.part(1).limb(limb)[i], owner.parameters.q(limb));
        }
    }
}

TEST(Encryptor, ExpandRefusesWhatDoesNotFit) {
    const Owner owner(small_ring(8, 1));
    const auto refuses = [&](RnsPoly c0, std::size_t level, double scale = 0x1p40) {
        const SeededCiphertext seeded{std::move(c0), {}, {level, scale}};
        return throws(ErrorCode::corrupt_data, {},
                      [&] { static_cast<void>(expand(seeded, owner.parameters)); });
    };
    EXPECT_TRUE(refuses(RnsPoly(256, 3, true), 2));  // above the parameters' level
    EXPECT_TRUE(refuses(RnsPoly(512, 2, true), 1));  // another ring
    EXPECT_TRUE(refuses(RnsPoly(256, 1, true), 1));  // too few limbs
    EXPECT_TRUE(refuses(RnsPoly(256, 2, true), 0));  // too many limbs
    EXPECT_TRUE(refuses(RnsPoly(256, 2, true), 1, 0.0));
}

TEST(Encryptor, RefusesLevelsAboveTheParameters) {
    const Owner low(small_ring(8, 1));
    const Owner high(small_ring(8, 2));
    const Plaintext plaintext = high.encoder.encode(std::vector<double>{1.0}, 2, 0x1p40);
    const PublicKey public_key = KeyGenerator(low.key).public_key();
    constexpr auto bad = ErrorCode::invalid_argument;
    EXPECT_TRUE(
        throws(bad, {"level 2", "1"}, [&] { static_cast<void>(encrypt(low.key, plaintext)); }));
    EXPECT_TRUE(
        throws(bad, {"level 2", "1"}, [&] { static_cast<void>(encrypt(public_key, plaintext)); }));
    const Ciphertext ciphertext = encrypt(high.key, plaintext);
    EXPECT_TRUE(
        throws(bad, {"level 2", "1"}, [&] { static_cast<void>(decrypt(low.key, ciphertext)); }));
}

TEST(Ciphertext, ChecksItsShape) {
    const auto parts = [](std::initializer_list<std::size_t> limbs) {
        std::vector<RnsPoly> result;
        for (const std::size_t count : limbs) {
            result.emplace_back(256, count, true);
        }
        return result;
    };
    const auto make = [&](std::initializer_list<std::size_t> limbs, MessageInfo info) {
        return [&parts, limbs, info] { Ciphertext unused(parts(limbs), info); };
    };
    constexpr auto bad = ErrorCode::invalid_argument;
    EXPECT_TRUE(throws(bad, {"got 1 parts"}, make({2}, {1, 1.0})));
    EXPECT_TRUE(throws(bad, {"got 4 parts"}, make({2, 2, 2, 2}, {1, 1.0})));
    EXPECT_TRUE(throws(bad, {"level 1"}, make({2, 1}, {1, 1.0})));
    EXPECT_TRUE(throws(bad, {"scale"}, make({2, 2}, {1, 0.0})));
    EXPECT_TRUE(throws(bad, {"scale"}, make({2, 2}, {1, std::nan("")})));
    const Ciphertext three(parts({2, 2, 2}), {1, 4.0});
    EXPECT_EQ(three.size(), 3U);
    EXPECT_EQ(three.bytes(), 3U * 2 * 256 * 8);
}

TEST(Ciphertext, AFactorGoesIntoTheScale) {
    test::Random random(5);
    const Owner owner(small_ring(9, 1));
    const Slots values = random_slots(random, owner.parameters.slots());
    const Ciphertext ciphertext = owner.encrypt(values, 1, 0x1p40);
    const Slots before = owner.decrypt(ciphertext);
    const Ciphertext scaled = ciphertext.copy().with_factor(4.0);
    EXPECT_EQ(scaled.scale(), 0x1p38);
    const Slots after = owner.decrypt(scaled);
    for (std::size_t j = 0; j < before.size(); ++j) {
        ASSERT_EQ(after[j], 4.0 * before[j]);  // a power of two: exact
    }
    for (const double factor : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
        EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"factor"},
                           [&] { static_cast<void>(ciphertext.copy().with_factor(factor)); }));
    }
}

}  // namespace
}  // namespace cipherfit
