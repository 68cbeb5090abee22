// Key switching, checked by decrypting with the secret key here in the test.
#include "rlwe/key_switch.h"

#include "cipherfit/rlwe/owner/secret_key.h"
#include "support/integers.h"
#include "support/key_switch_reference.h"
#include "support/noise.h"
#include "support/rings.h"

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::add_lifted;
using test::inner_product;
using test::Integer;
using test::integer;
using test::same;
using test::small_ring;
using test::uniform_poly;

RnsPoly permuted(const Ring& ring, const RnsPoly& poly, std::uint32_t steps) {
    const Permutation& permutation = ring.permutation(galois_element(steps, ring.log_n()));
    RnsPoly result(poly.n(), poly.limbs());
    for (std::size_t i = 0; i < poly.limbs(); ++i) {
        kernels().permute(result.limb(i), poly.limb(i), permutation.data(), poly.n());
    }
    return result;
}

// The coefficients of x + y t - c s', small numbers, read off limb 0: what key switching adds.
std::vector<double> switching_error(const Ring& ring, const RnsPoly& x, const RnsPoly& y,
                                    const RnsPoly& t, const RnsPoly& c, const RnsPoly& s) {
    const Modulus& q = ring.modulus(0);
    const std::size_t n = ring.n();
    RnsPoly sum(n, 1);
    RnsPoly product(n, 1);
    kernels().multiply(sum.limb(0), y.limb(0), t.limb(0), n, q);
    kernels().add(sum.limb(0), sum.limb(0), x.limb(0), n, q);
    kernels().multiply(product.limb(0), c.limb(0), s.limb(0), n, q);
    kernels().subtract(sum.limb(0), sum.limb(0), product.limb(0), n, q);
    ring.inverse(sum.limb(0), 0);
    std::vector<double> error(n);
    for (std::size_t k = 0; k < n; ++k) {
        error[k] = static_cast<double>(centred(sum.limb(0)[k], q));
    }
    return error;
}

RnsPoly squared_key(const Ring& ring, const RnsPoly& s) {
    RnsPoly result(s.n(), s.limbs());
    for (std::size_t i = 0; i < s.limbs(); ++i) {
        kernels().multiply(result.limb(i), s.limb(i), s.limb(i), s.n(), ring.modulus(i));
    }
    return result;
}

// The coefficients' variance is a slot's divided by N. Sums over N or more terms of independent
// roundings and errors are Gaussian: 8 standard deviations for each, and the mean square within 6
// deviations of sqrt(2 / N), doubled because key and secret are shared by all coefficients.
void expect_variance(const std::vector<double>& error, double variance, const std::string& what) {
    double sum = 0;
    double largest = 0;
    for (const double value : error) {
        sum += value * value;
        largest = std::max(largest, std::abs(value));
    }
    const auto n = static_cast<double>(error.size());
    EXPECT_LT(largest, 8 * std::sqrt(variance)) << what;
    EXPECT_NEAR(sum / n / variance, 1, 12 * std::sqrt(2 / n)) << what;
}

// Every number of digits, every level, keys of every level from there up, relinearisation and
// rotation, with and without rescaling.
TEST(KeySwitch, EveryDigitCountLevelAndKeyLevel) {
    constexpr std::size_t top = 4;
    for (unsigned digits = 1; digits <= top + 1; ++digits) {
        const Parameters parameters = small_ring(10, top, 40, digits);
        const Ring& ring = parameters.ring();
        const test::RingNoise noise(parameters);
        const SecretKey key = SecretKey::generate(parameters);
        const RnsPoly square = squared_key(ring, key.ntt());
        for (std::size_t key_level = 0; key_level <= top; ++key_level) {
            for (const std::uint32_t rotation : {0U, 1U, 300U}) {
                const SwitchingKey switching =
                    expand(KeyGenerator(key).switching_key({rotation}, key_level), parameters);
                ASSERT_EQ(switching.b.size(), parameters.digits_at(key_level));
                // From s^2 to s, or from s to f^-1(s).
                const RnsPoly& from = rotation == 0 ? square : key.ntt();
                const RnsPoly to =
                    rotation == 0
                        ? key.ntt().copy()
                        : permuted(ring, key.ntt(),
                                   static_cast<std::uint32_t>(parameters.slots()) - rotation);
                for (std::size_t level = 0; level <= key_level; ++level) {
                    const std::string what = "digits " + std::to_string(digits) + " key level " +
                                             std::to_string(key_level) + " level " +
                                             std::to_string(level) + " rotation " +
                                             std::to_string(rotation);
                    const RnsPoly c = uniform_poly(ring, level + 1, level, 7);
                    Decomposition raised = raise(ring, c, level);
                    const std::vector<RnsPoly> xy = switch_key(ring, raised, {.key = &switching});
                    ASSERT_EQ(xy[0].limbs(), level + 1);
                    const auto n = static_cast<double>(ring.n());
                    expect_variance(switching_error(ring, xy[0], xy[1], to, c, from),
                                    noise.key_switching(level) / n, what);
                }
            }
        }
    }
}

// mod_down against exact integers: round(x / P) and round(x / (P q_level)), every coefficient.
TEST(KeySwitch, ModDownRoundsExactly) {
    const Parameters parameters = small_ring(5, 3, 40, 2);
    const Ring& ring = parameters.ring();
    const test::IntegerContext context(BN_CTX_new());
    for (std::size_t level = 0; level <= 3; ++level) {
        const std::size_t limbs = level + 1 + ring.p_count();
        RnsPoly coefficients = uniform_poly(ring, limbs, level, 9);
        // x modulo the product of all by the Chinese remainder theorem.
        Integer all = integer(1);
        for (std::size_t i = 0; i < limbs; ++i) {
            BN_mul_word(all.get(), ring.modulus(ring.prime_of_limb(i, level)).value);
        }
        std::vector<Integer> x;
        for (std::size_t k = 0; k < ring.n(); ++k) {
            Integer sum = integer(0);
            for (std::size_t i = 0; i < limbs; ++i) {
                const std::uint64_t q = ring.modulus(ring.prime_of_limb(i, level)).value;
                Integer cofactor(BN_dup(all.get()));
                BN_div_word(cofactor.get(), q);
                Integer inverse(
                    BN_mod_inverse(nullptr, cofactor.get(), integer(q).get(), context.get()));
                Integer term = integer(coefficients.limb(i)[k]);
                BN_mul(term.get(), term.get(), inverse.get(), context.get());
                BN_mul(term.get(), term.get(), cofactor.get(), context.get());
                BN_mod_add(sum.get(), sum.get(), term.get(), all.get(), context.get());
            }
            x.push_back(std::move(sum));
        }
        RnsPoly values = coefficients.copy();
        for (std::size_t i = 0; i < limbs; ++i) {
            ring.forward(values.limb(i), ring.prime_of_limb(i, level));
        }
        for (const bool rescale : {false, true}) {
            if (rescale && level == 0) {
                continue;
            }
            const std::size_t kept = rescale ? level : level + 1;
            RnsPoly result = test::mod_down(ring, values.copy(), level, rescale);
            ASSERT_EQ(result.limbs(), kept);
            Integer divisor = integer(1);
            for (std::size_t i = kept; i < limbs; ++i) {
                BN_mul_word(divisor.get(), ring.modulus(ring.prime_of_limb(i, level)).value);
            }
            Integer half(BN_dup(divisor.get()));
            BN_rshift1(half.get(), half.get());
            for (std::size_t i = 0; i < kept; ++i) {
                ring.inverse(result.limb(i), i);
            }
            for (std::size_t k = 0; k < ring.n(); ++k) {
                // floor((x + divisor/2) / divisor), modulo each kept prime.
                Integer rounded(BN_dup(x[k].get()));
                BN_add(rounded.get(), rounded.get(), half.get());
                BN_div(rounded.get(), nullptr, rounded.get(), divisor.get(), context.get());
                for (std::size_t i = 0; i < kept; ++i) {
                    ASSERT_EQ(result.limb(i)[k], BN_mod_word(rounded.get(), ring.modulus(i).value))
                        << "level " << level << " coefficient " << k;
                }
            }
        }
    }
}

// P c divided by P: what add_lifted is for.
TEST(KeySwitch, LiftedValuesComeBackExactly) {
    for (const unsigned digits : {1U, 3U}) {
        const Parameters parameters = small_ring(8, 2, 40, digits);
        const Ring& ring = parameters.ring();
        for (std::size_t level = 0; level <= 2; ++level) {
            const RnsPoly c = uniform_poly(ring, level + 1, level, 3);
            RnsPoly raised(ring.n(), level + 1 + ring.p_count(), true);
            add_lifted(ring, raised, c, level);
            EXPECT_TRUE(same(test::mod_down(ring, std::move(raised), level, false), c));
        }
    }
}

// Limb by limb or step by step, from raised or transformed digits, with or without additions, a
// permutation and rescaling: the same bits.
TEST(KeySwitch, FusedStepsGiveTheBitsOfTheStepsOneByOne) {
    for (const unsigned count : {1U, 2U, 4U}) {
        const Parameters parameters = small_ring(11, 3, 40, count);
        const Ring& ring = parameters.ring();
        const SecretKey secret = SecretKey::generate(parameters);
        const SwitchingKey key = expand(KeyGenerator(secret).switching_key({5}, 3), parameters);
        const Permutation& permutation = ring.permutation(galois_element(5, ring.log_n()));
        for (std::size_t level = 0; level <= 3; ++level) {
            const RnsPoly c = uniform_poly(ring, level + 1, level, 1);
            const std::array added{uniform_poly(ring, level + 1, level, 2),
                                   uniform_poly(ring, level + 1, level, 3)};
            const Decomposition transformed = decompose(ring, c, level);
            for (int options = 0; options < 16; ++options) {
                const bool rescale = (options & 1) != 0;
                const bool permute = (options & 2) != 0;
                if (rescale && level == 0) {
                    continue;
                }
                KeySwitch request{.key = &key};
                test::RaisedPair pair = inner_product(ring, transformed, key);
                std::vector<RnsPoly> expected;
                for (std::size_t part = 0; part < 2; ++part) {
                    if ((options & (4 << part)) != 0) {
                        request.added[part] = &added[part];
                        add_lifted(ring, pair.parts[part], added[part], level);
                    }
                    expected.push_back(
                        test::mod_down(ring, std::move(pair.parts[part]), level, rescale));
                    if (permute) {
                        expected[part] = permuted(ring, expected[part], 5);
                    }
                }
                request.permutation = permute ? &permutation : nullptr;
                Decomposition raised = raise(ring, c, level);
                const auto fused = switch_key(ring, raised, request, rescale);
                const auto hoisted = switch_key(ring, transformed, request, rescale);
                for (std::size_t part = 0; part < 2; ++part) {
                    EXPECT_TRUE(same(fused[part], expected[part])) << options << " " << level;
                    EXPECT_TRUE(same(hoisted[part], expected[part])) << options << " " << level;
                }
                ASSERT_TRUE(raised.transformed);
                for (std::size_t digit = 0; digit < raised.raised.size(); ++digit) {
                    EXPECT_TRUE(same(raised.raised[digit], transformed.raised[digit]));
                }
            }
        }
    }
}

// Double hoisting: the sum modulo Q_l P of the permuted inner products, divided once.
TEST(KeySwitch, SumsAreDividedOnce) {
    for (const unsigned count : {1U, 3U}) {
        const Parameters parameters = small_ring(11, 2, 40, count);
        const Ring& ring = parameters.ring();
        const SecretKey secret = SecretKey::generate(parameters);
        const std::array<std::uint32_t, 3> steps{1, 7, 300};
        std::vector<SwitchingKey> keys;
        for (const std::uint32_t step : steps) {
            keys.push_back(expand(KeyGenerator(secret).switching_key({step}, 2), parameters));
        }
        for (std::size_t level = 0; level <= 2; ++level) {
            const RnsPoly c = uniform_poly(ring, level + 1, level, 1);
            const RnsPoly added = uniform_poly(ring, level + 1, level, 2);
            const Decomposition digits = decompose(ring, c, level);
            std::vector<KeySwitch> requests;
            test::RaisedPair sum;
            for (std::size_t i = 0; i < steps.size(); ++i) {
                requests.push_back({&keys[i],
                                    {&added, nullptr},
                                    &ring.permutation(galois_element(steps[i], ring.log_n()))});
                test::RaisedPair pair = inner_product(ring, digits, keys[i]);
                add_lifted(ring, pair.parts[0], added, level);
                for (std::size_t part = 0; part < 2; ++part) {
                    RnsPoly term = permuted(ring, pair.parts[part], steps[i]);
                    for (std::size_t limb = 0; i > 0 && limb < term.limbs(); ++limb) {
                        kernels().add(term.limb(limb), term.limb(limb), sum.parts[part].limb(limb),
                                      ring.n(), ring.modulus(ring.prime_of_limb(limb, level)));
                    }
                    sum.parts[part] = std::move(term);
                }
            }
            const std::vector<RnsPoly> result = switch_keys_and_sum(ring, digits, requests);
            for (std::size_t part = 0; part < 2; ++part) {
                EXPECT_TRUE(same(result[part],
                                 test::mod_down(ring, std::move(sum.parts[part]), level, false)));
            }
        }
    }
}

TEST(KeySwitch, ExpansionAndSwitchingAreTheSameOnAnyNumberOfThreads) {
    const Parameters parameters = small_ring(12, 3, 40, 2);
    const Ring& ring = parameters.ring();
    const SecretKey key = SecretKey::generate(parameters);
    const SeededSwitchingKey seeded = KeyGenerator(key).switching_key({1}, 3);
    const auto run = [&] {
        SeededSwitchingKey copy{seeded.id, seeded.level, seeded.seed, {}};
        for (const RnsPoly& b : seeded.b) {
            copy.b.push_back(b.copy());
        }
        const SwitchingKey switching = expand(std::move(copy), parameters);
        const RnsPoly c = uniform_poly(ring, 4, 3, 5);
        Decomposition digits = raise(ring, c, 3);
        return std::move(switch_key(ring, digits, {.key = &switching}, true)[1]);
    };
    EXPECT_TRUE(same(test::with_threads(1, run), test::with_threads(2, run)));
}

// X -> X^g on NTT values against the definition on coefficients.
TEST(Ring, PermutationsAreTheAutomorphisms) {
    const Parameters parameters = small_ring(6, 0);
    const Ring& ring = parameters.ring();
    const std::size_t n = ring.n();
    const Modulus& q = ring.modulus(0);
    const RnsPoly coefficients = uniform_poly(ring, 1, 0, 4);
    RnsPoly values = coefficients.copy();
    ring.forward(values.limb(0), 0);
    for (const std::uint32_t g : {1U, 3U, 5U, 25U, 77U, 127U}) {
        RnsPoly image(n, 1, true);
        for (std::size_t k = 0; k < n; ++k) {
            const std::size_t exponent = k * g % (2 * n);
            const std::uint64_t value = coefficients.limb(0)[k];
            image.limb(0)[exponent % n] =
                exponent < n || value == 0 ? value : q.value - value;  // X^N = -1
        }
        ring.forward(image.limb(0), 0);
        RnsPoly permuted_values(n, 1);
        kernels().permute(permuted_values.limb(0), values.limb(0), ring.permutation(g).data(), n);
        EXPECT_TRUE(same(permuted_values, image)) << g;
    }
    for (const std::uint32_t g : {0U, 2U, 128U, 129U}) {
        EXPECT_THROW(static_cast<void>(ring.permutation(g)), Error) << g;
    }
}

}  // namespace
}  // namespace cipherfit
