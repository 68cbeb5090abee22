// The keys of sparse-secret encapsulation and of conjugation.
#include "cipherfit/rlwe/evaluation_keys.h"
#include "cipherfit/rlwe/owner/secret_key.h"
#include "rlwe/owner/sampling.h"
#include "rlwe/ring.h"
#include "support/errors.h"
#include "support/rings.h"
#include "support/statistics.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

Seed seed_of(std::uint8_t value) {
    Seed seed{};
    seed.fill(value);
    return seed;
}

// b + a t in one limb of a key of one digit, as centred coefficients; t as NTT values.
std::vector<std::int64_t> phase(const Ring& ring, const SwitchingKey& key, std::size_t limb,
                                std::size_t prime, const std::uint64_t* t) {
    const Modulus& q = ring.modulus(prime);
    RnsPoly sum(ring.n(), 1);
    kernels().multiply(sum.limb(0), key.a[0].limb(limb), t, ring.n(), q);
    kernels().add(sum.limb(0), sum.limb(0), key.b[0].limb(limb), ring.n(), q);
    ring.inverse(sum.limb(0), prime);
    std::vector<std::int64_t> result(ring.n());
    std::transform(sum.limb(0), sum.limb(0) + ring.n(), result.begin(),
                   [&](std::uint64_t value) { return centred(value, q); });
    return result;
}

bool all_errors(const std::vector<std::int64_t>& values) {
    return std::all_of(values.begin(), values.end(),
                       [](std::int64_t value) { return std::abs(value) <= largest_error; });
}

// The sparse secret that a release key hides, read with the main secret in the given limb of Q:
// (phase - error) / P, where the error is the phase in a special limb.
std::vector<std::int8_t> sparse_secret(const SecretKey& secret, const SwitchingKey& release,
                                       std::size_t limb) {
    const Ring& ring = secret.parameters().ring();
    const std::size_t first_special = ring.q_count();
    const auto error =
        phase(ring, release, release.level + 1, first_special, secret.ntt().limb(first_special));
    EXPECT_TRUE(all_errors(error));
    const auto values = phase(ring, release, limb, limb, secret.ntt().limb(limb));
    const Modulus& q = ring.modulus(limb);
    const std::uint64_t inverse = inverse_mod(ring.p_mod(limb).value, q);
    std::vector<std::int8_t> result;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const std::int64_t difference = values[i] - error[i];
        const std::uint64_t residue = difference < 0
                                          ? q.value - static_cast<std::uint64_t>(-difference)
                                          : static_cast<std::uint64_t>(difference);
        result.push_back(
            static_cast<std::int8_t>(centred(multiply_mod(residue % q.value, inverse, q), q)));
    }
    return result;
}

TEST(SparseTernary, HasExactlyTheWeight) {
    for (const std::size_t n : {64U, 1024U, 65536U}) {
        std::vector<std::int8_t> out(n, 7);
        SecretSampler(seed_of(static_cast<std::uint8_t>(n % 251))).sparse_ternary(out, 32);
        EXPECT_EQ(std::count(out.begin(), out.end(), 0), static_cast<std::ptrdiff_t>(n) - 32);
        EXPECT_EQ(std::count_if(out.begin(), out.end(), [](int c) { return c == 1 || c == -1; }),
                  32);
    }
}

TEST(SparseTernary, PlacesAndSignsAreUniform) {
    constexpr std::size_t n = 64;
    constexpr std::size_t draws = 400;
    std::array<std::size_t, n> places{};
    std::array<std::size_t, 2> signs{};
    SecretSampler sampler(seed_of(9));
    for (std::size_t draw = 0; draw < draws; ++draw) {
        std::vector<std::int8_t> out(n);
        sampler.sparse_ternary(out, 8);
        for (std::size_t i = 0; i < n; ++i) {
            places[i] += out[i] != 0 ? 1 : 0;
            if (out[i] != 0) {
                ++signs[out[i] > 0 ? 1 : 0];
            }
        }
    }
    // Draws without replacement spread less than the multinomial that the test assumes.
    EXPECT_LT(test::chi_square_deviations(places, std::vector<double>(n, 1.0 / n)), 6.0);
    EXPECT_LT(test::chi_square_deviations(signs, std::vector<double>(2, 0.5)), 6.0);
}

TEST(SparseTernary, RefusesAWeightThatDoesNotFit) {
    std::vector<std::int8_t> out(32);
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"17", "32"},
                             [&] { SecretSampler(seed_of(1)).sparse_ternary(out, 17); }));
    out.resize(33);
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"33", "power of two"},
                             [&] { SecretSampler(seed_of(1)).sparse_ternary(out, 4); }));
}

class Encapsulation : public testing::Test {
  protected:
    Parameters parameters_ = test::small_ring(8, 4, 40, 2);
    SecretKey secret_ = SecretKey::generate(parameters_);
    KeyGenerator generator_{secret_};

    SwitchingKey make(const KeyGenerator& generator, KeyId id, std::size_t level) {
        return expand(generator.switching_key(id, level), parameters_);
    }
};

TEST_F(Encapsulation, ReleaseKeyHidesASparseSecretInEveryLimb) {
    const SwitchingKey release = make(generator_, KeyId::sparse_release(), 3);
    ASSERT_EQ(release.b.size(), 1U);
    ASSERT_EQ(release.b[0].limbs(), 4 + parameters_.special_primes());
    const auto sparse = sparse_secret(secret_, release, 0);
    EXPECT_EQ(std::count_if(sparse.begin(), sparse.end(), [](int c) { return c == 1 || c == -1; }),
              static_cast<std::ptrdiff_t>(sparse_weight));
    EXPECT_EQ(std::count(sparse.begin(), sparse.end(), 0),
              static_cast<std::ptrdiff_t>(parameters_.n() - sparse_weight));
    for (std::size_t limb = 1; limb <= 3; ++limb) {
        EXPECT_EQ(sparse_secret(secret_, release, limb), sparse);
    }
}

TEST_F(Encapsulation, EncapsulationKeyIsUnderTheSameSecretAndModuloTwoPrimesOnly) {
    const SwitchingKey release = make(generator_, KeyId::sparse_release(), 0);
    const SwitchingKey key = make(generator_, KeyId::sparse_encapsulation(), 0);
    ASSERT_EQ(key.b.size(), 1U);
    ASSERT_EQ(key.b[0].limbs(), 2U);  // the sparse secret must not meet a larger modulus

    const Ring& ring = parameters_.ring();
    const auto sparse = sparse_secret(secret_, release, 0);
    const RnsPoly ntt = small_to_ntt(ring, sparse, 2, 0);
    const auto error = phase(ring, key, 1, ring.q_count(), ntt.limb(1));
    EXPECT_TRUE(all_errors(error));
    // Modulo q_0: p_0 s + error.
    const Modulus& q = ring.modulus(0);
    const auto values = phase(ring, key, 0, 0, ntt.limb(0));
    for (std::size_t i = 0; i < values.size(); ++i) {
        const std::int64_t expected =
            secret_.coefficients()[i] * static_cast<std::int64_t>(parameters_.p(0)) + error[i];
        const std::int64_t difference = values[i] - expected;
        EXPECT_EQ(difference % static_cast<std::int64_t>(q.value), 0) << i;
    }
}

TEST_F(Encapsulation, EveryGeneratorHasASparseSecretOfItsOwn) {
    const KeyGenerator other(secret_);
    const auto a = sparse_secret(secret_, make(generator_, KeyId::sparse_release(), 0), 0);
    EXPECT_EQ(sparse_secret(secret_, make(generator_, KeyId::sparse_release(), 1), 0), a);
    EXPECT_NE(sparse_secret(secret_, make(other, KeyId::sparse_release(), 0), 0), a);
}

TEST_F(Encapsulation, ShapesAndSizesAgree) {
    struct Case {
        KeyId id;
        std::size_t level;
    };
    for (const auto [id, level] :
         {Case{KeyId::relinearization(), 4}, Case{KeyId::conjugation(), 2},
          Case{KeyId::sparse_encapsulation(), 0}, Case{KeyId::sparse_release(), 4}}) {
        const SwitchingKey key = make(generator_, id, level);
        std::size_t bytes = 0;
        for (const auto* half : {&key.b, &key.a}) {
            for (const RnsPoly& poly : *half) {
                bytes += poly.bytes();
            }
        }
        EXPECT_EQ(switching_key_memory_bytes(parameters_, level, id), bytes) << id.describe();
    }
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"encapsulation", "level 1"}, [&] {
        static_cast<void>(key_shape(parameters_, KeyId::sparse_encapsulation(), 1));
    }));
    EXPECT_TRUE(test::throws(ErrorCode::corrupt_data, {"level 1"}, [&] {
        SeededSwitchingKey key = generator_.switching_key(KeyId::sparse_encapsulation(), 0);
        key.level = 1;
        static_cast<void>(expand(std::move(key), parameters_));
    }));
}

}  // namespace
}  // namespace cipherfit
