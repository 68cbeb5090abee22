// Joint keys against the naive sum of the dealers' secrets: what they encrypt, their noise, and
// the evaluator that uses them as it uses anybody's.
#include "cipherfit/ckks/encoder.h"
#include "cipherfit/ckks/evaluator.h"
#include "cipherfit/ckks/owner/multiparty/joint_encryptor.h"
#include "rlwe/multiparty/parties.h"
#include "rlwe/owner/multiparty/round_two.h"
#include "support/errors.h"
#include "support/noise.h"

#include <random>

namespace cipherfit {
namespace {

using test::Integers;
using test::Parties;

// The bound that a Gaussian of the predicted variance stays below in all of 10^7 draws.
constexpr double deviations = 8;

// Collects errors of many keys and compares them with a predicted variance.
class Measured {
  public:
    void add(const Integers& error) {
        sum_ += test::mean_square(error) * static_cast<double>(error.size());
        count_ += static_cast<double>(error.size());
        for (const std::int64_t x : error) {
            largest_ = std::max(largest_, std::abs(static_cast<double>(x)));
        }
    }
    // The mean square within a sixth of the prediction; the largest error within the bound, and
    // the bound within 2^5 of it.
    void expect(double variance, const std::string& what) const {
        const double bound = deviations * std::sqrt(variance);
        EXPECT_NEAR(sum_ / count_ / variance, 1, 1.0 / 6) << what;
        testing::Test::RecordProperty(
            what, fmt::format("deviation / predicted {:.3f}, largest / bound {:.3f}",
                              std::sqrt(sum_ / count_ / variance), largest_ / bound));
        EXPECT_LE(largest_, bound) << what;
        EXPECT_GE(largest_ * 32, bound) << what;
    }

  private:
    double sum_ = 0;
    double count_ = 0;
    double largest_ = 0;
};

// The error of digit d of a switching key: b + a t - P g_d s', the same in every limb.
Integers key_error(const Parameters& parameters, const SwitchingKey& key, std::size_t digit,
                   const Integers& to, const Integers& from) {
    const Ring& ring = parameters.ring();
    Integers error;
    for (std::size_t limb = 0; limb < key.b[digit].limbs(); ++limb) {
        const std::size_t prime = ring.prime_of_limb(limb, key.level);
        const Modulus& q = ring.modulus(prime);
        RnsPoly b = key.b[digit].copy();
        if (limb <= key.level && limb / ring.digit_size() == digit) {
            RnsPoly message = test::to_limb(ring, prime, from);
            kernels().multiply_scalar(message.limb(0), message.limb(0), ring.p_mod(limb), ring.n(),
                                      q);
            kernels().subtract(b.limb(limb), b.limb(limb), message.limb(0), ring.n(), q);
        }
        const Integers found = test::phase(ring, prime, b.limb(limb), key.a[digit].limb(limb), to);
        if (limb == 0) {
            error = found;
        }
        EXPECT_EQ(found, error) << "limb " << limb;
    }
    return error;
}

class JointKeys : public testing::TestWithParam<unsigned> {};

TEST_P(JointKeys, EncryptUnderTheSumOfSecretsWithTheDerivedNoise) {
    const unsigned t = GetParam();
    const Parameters parameters = test::small_ring(6, 2, 40, 2);
    const Ring& ring = parameters.ring();
    const JointNoise noise(parameters, t);
    Measured public_key;
    Measured rotation;
    Measured conjugation;
    Measured relinearization;
    Measured encryption;
    for (std::uint64_t number = 0; number < 100; ++number) {
        const Parties parties(parameters, t, number);
        const Integers s = parties.secret();
        const JointPublicKey pk = parties.public_key();
        ASSERT_EQ(pk.b.limbs(), 4U);
        const Integers error = test::phase(ring, 0, pk.b.limb(0), pk.a.limb(0), s);
        EXPECT_EQ(error, test::phase(ring, ring.q_count(), pk.b.limb(3), pk.a.limb(3), s));
        public_key.add(error);

        const std::size_t level = number % 3;
        const auto steps = static_cast<std::uint32_t>(1 + number % 31);
        const KeyId id = KeyId::of_rotation(steps, parameters.slots());
        const std::uint32_t inverse = galois_element(32 - steps, 6);
        const SwitchingKey rotated = parties.switching_key(id, level);
        ASSERT_EQ(rotated.b.size(), parameters.digits_at(level));
        const SwitchingKey conjugated = parties.switching_key(KeyId::conjugation(), level);
        const SwitchingKey squared = parties.relinearization_key(level);
        const Integers square = test::negacyclic(s, s);
        for (std::size_t digit = 0; digit < rotated.b.size(); ++digit) {
            rotation.add(key_error(parameters, rotated, digit, test::automorphism(s, inverse), s));
            conjugation.add(
                key_error(parameters, conjugated, digit, test::automorphism(s, 127), s));
            relinearization.add(key_error(parameters, squared, digit, s, square));
        }
        const auto zero = encrypt_zero(pk, level);
        ASSERT_EQ(zero[0].limbs(), level + 1);
        encryption.add(test::phase(ring, level, zero[0].limb(level), zero[1].limb(level), s));
    }
    public_key.expect(noise.public_key(), "public_key");
    rotation.expect(noise.switching_key(), "rotation_key");
    conjugation.expect(noise.switching_key(), "conjugation_key");
    relinearization.expect(noise.relinearization_key(), "relinearisation_key");
    encryption.expect(noise.encryption(), "encryption_of_zero");
}

INSTANTIATE_TEST_SUITE_P(Dealers, JointKeys, testing::Values(1U, 2U, 3U, 5U, 8U),
                         [](const auto& instance) { return std::to_string(instance.param); });

// Sixteen times less noise than an encryption that is not divided, as far as rounding allows.
TEST(JointEncryption, DivisionByASpecialPrimeRemovesMostOfTheNoise) {
    const Parameters parameters = test::small_ring(10, 1);
    for (const unsigned t : {1U, 5U}) {
        const JointNoise noise(parameters, t);
        const double n = 1024;
        const double plain = 10.24 * (1 + 4 * t * n / 3);
        EXPECT_NEAR(std::sqrt(plain / noise.encryption()), 15.7, 0.1);
    }
}

// The relinearisation key is used before rescaling, at the products' scale: its larger error must
// stay far below the rounding that follows, so that P needs no more bits than a single owner's.
TEST(JointEncryption, RelinearisationNeedsNoLargerSpecialPrimes) {
    const Parameters parameters = Parameters::create(
        {.log_n = 15, .q_bits = {49, 40, 40, 40, 40, 40}, .p_bits = {50}, .digits = 6});
    const JointNoise noise(parameters, 8);
    const std::size_t level = parameters.max_level();
    const double q = static_cast<double>(parameters.q(level));
    const double switching = noise.switching(level, noise.relinearization_key()) / (q * q);
    EXPECT_LT(std::sqrt(switching), std::sqrt(noise.rounding()) * std::exp2(-20));
}

// Decrypts with the naive sum of secrets, from the lowest limb.
std::vector<std::complex<double>> open(const Parties& parties, const Ciphertext& ciphertext) {
    const Ring& ring = parties.parameters.ring();
    RnsPoly message(ring.n(), 1);
    const Modulus& q = ring.modulus(0);
    const RnsPoly s = test::to_limb(ring, 0, parties.secret());
    kernels().multiply(message.limb(0), ciphertext.part(1).limb(0), s.limb(0), ring.n(), q);
    kernels().add(message.limb(0), message.limb(0), ciphertext.part(0).limb(0), ring.n(), q);
    return Encoder(parties.parameters)
        .decode_complex(Plaintext(std::move(message), {0, ciphertext.scale()}));
}

TEST(JointKeysInUse, TheEvaluatorMultipliesAndRotates) {
    const Parameters parameters = test::small_ring(9, 3, 40, 2);
    const double n = 512;
    const Parties parties(parameters, 3);
    EvaluationKeys keys(parameters);
    keys.insert(parties.relinearization_key(3));
    keys.insert(parties.switching_key(KeyId::of_rotation(5, parameters.slots()), 2));
    const JointPublicKey pk = parties.public_key();
    const Evaluator evaluator(keys);
    const Encoder encoder(parameters);
    std::mt19937_64 random(3);
    std::uniform_real_distribution<double> uniform(-1, 1);
    test::Slots a(parameters.slots());
    test::Slots b(parameters.slots());
    for (std::size_t i = 0; i < a.size(); ++i) {
        a[i] = {uniform(random), uniform(random)};
        b[i] = {uniform(random), uniform(random)};
    }
    const double scale = 0x1p40;
    const auto encrypted = [&](const test::Slots& values) {
        return encrypt(pk, encoder.encode(std::span<const std::complex<double>>(values), 3, scale));
    };
    const JointNoise noise(parameters, 3);
    const double fresh = n * (noise.encryption() + 1.0 / 12) / (scale * scale);
    EXPECT_TRUE(test::is_noise(open(parties, encrypted(a)), a, fresh));

    const Ciphertext product =
        evaluator.relinearize_rescale(evaluator.multiply(encrypted(a), encrypted(b)));
    test::Slots expected(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        expected[i] = a[i] * b[i];
    }
    const double q = static_cast<double>(parameters.q(3));
    const double unit = n / (product.scale() * product.scale());
    const double variance =
        fresh * (test::power(a) + test::power(b)) +
        unit * (noise.rounding() + noise.switching(3, noise.relinearization_key()) / (q * q));
    EXPECT_TRUE(test::is_noise(open(parties, product), expected, variance));

    const double switched =
        variance + unit * (noise.rounding() + noise.switching(2, noise.switching_key()));
    test::Slots rotated(expected);
    std::rotate(rotated.begin(), rotated.begin() + 5, rotated.end());
    EXPECT_TRUE(test::is_noise(open(parties, evaluator.rotate(product, 5)), rotated, switched));
}

TEST(KeyShares, TheSameRequestGivesTheSameBytesAndAnotherSumOtherNoise) {
    const Parameters parameters = test::small_ring(6, 1);
    const Parties parties(parameters, 2);
    const Parties again(parameters, 2);
    const auto same = [&](const KeyShare& a, const KeyShare& b) {
        return digest(parameters, a) == digest(parameters, b);
    };
    const KeyId id = KeyId::of_rotation(1, parameters.slots());
    const Seed& common = parties.common;
    EXPECT_TRUE(same(parties.dealers[0].public_key_share(common),
                     again.dealers[0].public_key_share(common)));
    EXPECT_TRUE(same(parties.dealers[0].switching_key_share(common, id, 1),
                     again.dealers[0].switching_key_share(common, id, 1)));
    EXPECT_FALSE(same(parties.dealers[0].switching_key_share(common, id, 1),
                      parties.dealers[1].switching_key_share(common, id, 1)));
    const auto one =
        parties.shares([&](const Dealer& d) { return d.relinearization_one(common, 1); });
    EXPECT_TRUE(same(parties.dealers[1].relinearization_two(common, one),
                     again.dealers[1].relinearization_two(common, one)));
    // Two sums that differ by one in one word. With the same noise the shares would differ by
    // exactly s_i times the difference, a small number in that word's place; with other noise they
    // differ by noise everywhere.
    const KeyShare sum = sum_shares(parameters, one);
    KeyShare other = sum_shares(parameters, one);
    other.polys[0].limb(0)[0] ^= 1U;
    const KeyShare x = relinearization_two_from_sum(parties.dealers[1], common, sum);
    const KeyShare y = relinearization_two_from_sum(parties.dealers[1], common, other);
    std::size_t equal = 0;
    for (std::size_t i = 0; i < parameters.n(); ++i) {
        equal += x.polys[0].limb(0)[i] == y.polys[0].limb(0)[i] ? 1 : 0;
    }
    EXPECT_EQ(equal, 0U);
}

TEST(KeyShares, ADealerUnderAnotherCharterIsAnotherDealer) {
    const Parameters parameters = test::small_ring(6, 1);
    const Dealer a = Dealer::from_seed(parameters, test::charter_of(1), test::seed_of(4));
    const Dealer b = Dealer::from_seed(parameters, test::charter_of(2), test::seed_of(4));
    EXPECT_FALSE(std::ranges::equal(a.summand().coefficients(), b.summand().coefficients()));
}

TEST(KeyShares, FalseSumsAndForeignSharesAreNamed) {
    const Parameters parameters = test::small_ring(6, 1);
    const Parties parties(parameters, 2);
    const auto shares = parties.shares(
        [&](const Dealer& dealer) { return dealer.public_key_share(parties.common); });
    KeyShare sum = sum_shares(parameters, shares);
    EXPECT_TRUE(verify_sum(parameters, shares, sum).has_value());
    sum.polys[0].limb(1)[3] ^= 1U;
    const auto refused = verify_sum(parameters, shares, sum);
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().message.find("public key"), std::string::npos);

    const auto one = parties.shares(
        [&](const Dealer& dealer) { return dealer.relinearization_one(parties.common, 1); });
    EXPECT_TRUE(test::throws(ErrorCode::corrupt_data, {"own share", "round 1"}, [&] {
        static_cast<void>(
            parties.dealers[0].relinearization_two(parties.common, std::span(one).subspan(1)));
    }));
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"round 1", "public key"}, [&] {
        std::vector<KeyShare> mixed;
        mixed.push_back(parties.dealers[0].relinearization_one(parties.common, 1));
        mixed.push_back(parties.dealers[0].public_key_share(parties.common));
        static_cast<void>(sum_shares(parameters, mixed));
    }));
}

TEST(KeyShares, SharesFromOutsideAreCheckedToTheLastResidue) {
    const Parameters parameters = test::small_ring(6, 1);
    const Parties parties(parameters, 1);
    KeyShare share = parties.dealers[0].relinearization_one(parties.common, 1);
    EXPECT_TRUE(check_share(parameters, share).has_value());
    RnsPoly& last = share.polys.back();
    last.limb(last.limbs() - 1)[parameters.n() - 1] = parameters.p(0);
    EXPECT_EQ(check_share(parameters, share).error().code, ErrorCode::corrupt_data);
    share.polys.pop_back();
    EXPECT_EQ(check_share(parameters, share).error().code, ErrorCode::corrupt_data);
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"encapsulation"}, [&] {
        static_cast<void>(
            share_shape(parameters, ShareKind::switching_key, KeyId::sparse_encapsulation(), 0));
    }));
}

TEST(CommonRandomness, OneHonestMemberDecidesAndLiarsAreNamed) {
    const Digest charter = test::charter_of(1);
    std::vector<RandomnessReveal> reveals(3);
    std::vector<Digest> commitments;
    for (std::uint32_t i = 0; i < 3; ++i) {
        reveals[i] = {test::seed_of(i), test::seed_of(50 + i)};
        commitments.push_back(commit_randomness(charter, i, reveals[i]));
    }
    const auto seed = common_seed(charter, commitments, reveals);
    ASSERT_TRUE(seed.has_value());
    EXPECT_NE(*seed, *common_seed(test::charter_of(1), std::span(commitments).first(2),
                                  std::span(reveals).first(2)));
    // Another contribution under the same commitment, another's commitment, another charter.
    auto changed = reveals;
    changed[2].contribution[0] ^= 1U;
    const auto refused = common_seed(charter, commitments, changed);
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().message.find("member 2"), std::string::npos);
    std::swap(commitments[0], commitments[1]);
    EXPECT_FALSE(common_seed(charter, commitments, reveals).has_value());
    std::swap(commitments[0], commitments[1]);
    EXPECT_FALSE(common_seed(test::charter_of(2), commitments, reveals).has_value());
    // Seeds of different keys differ.
    const KeyId one = KeyId::of_rotation(1, 32);
    EXPECT_NE(uniform_seed(*seed, ShareKind::switching_key, one, 1),
              uniform_seed(*seed, ShareKind::switching_key, one, 2));
    EXPECT_NE(uniform_seed(*seed, ShareKind::public_key, {}, 1),
              uniform_seed(*seed, ShareKind::relinearization_one, {}, 1));
}

}  // namespace
}  // namespace cipherfit
