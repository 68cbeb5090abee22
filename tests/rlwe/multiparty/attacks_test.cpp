// Attacks on a toy ring: each recovers what it should while its countermeasure is left out, and
// fails with it.
#include "rlwe/multiparty/lagrange.h"
#include "rlwe/multiparty/opened.h"
#include "rlwe/multiparty/parties.h"
#include "rlwe/owner/multiparty/release_parts.h"
#include "support/errors.h"

#include <numeric>

namespace cipherfit {
namespace {

using test::Integers;
using test::Parties;
using test::small_coefficients;
using test::to_integers;

// Li and Micciancio: s = (m + e - c_0) / c_1 in the ring modulo q_0.
Integers solve_for_secret(const Ring& ring, const Integers& decryption, const RnsPoly& c0,
                          const RnsPoly& c1) {
    const Modulus& q = ring.modulus(0);
    RnsPoly result = test::to_limb(ring, 0, decryption);
    for (std::size_t i = 0; i < ring.n(); ++i) {
        std::uint64_t& value = result.limb(0)[i];
        value =
            multiply_mod(subtract_mod(value, c0.limb(0)[i], q), inverse_mod(c1.limb(0)[i], q), q);
    }
    return to_integers(ring, std::move(result), 0);
}

class Attack : public testing::Test {
  protected:
    // t dealers and k holders at level 0, and an encryption of a message of 2^16.
    void set_up(unsigned t, unsigned k) {
        parties = std::make_unique<Parties>(parameters, t);
        holders = k;
        points = parties->points(k, t, 0);
        parts = encrypt_zero(parties->public_key(), 0);
        Integers message(ring.n(), 0);
        for (std::size_t i = 0; i < message.size(); ++i) {
            message[i] = static_cast<std::int64_t>(i * 7919 % 65536);
        }
        kernels().add(parts[0].limb(0), parts[0].limb(0), test::to_limb(ring, 0, message).limb(0),
                      ring.n(), ring.modulus(0));
        truth = test::phase(ring, 0, parts[0].limb(0), parts[1].limb(0), parties->secret());
    }
    ReleaseRequest request(const HolderSet& set, double sigma) const {
        return {.charter = parties->charter,
                .ciphertext = ciphertext_digest(parameters, 0, parts[0], parts[1]),
                .holders = set,
                .level = 0,
                .gap = 1,
                .sigma = sigma};
    }
    struct Countermeasures {
        bool flooding = true;
        bool zero_sharing = true;
        std::uint64_t noise = 900;  // the seed of the holders' noise
    };
    Residues answer(const ReleaseRequest& asked, unsigned point, Countermeasures with) const {
        Residues share = interpolated_share(parameters, asked, points[point - 1], parts[1]);
        if (with.flooding) {
            add_flooding(parameters, asked, point, test::seed_of(with.noise + point), share);
        }
        if (with.zero_sharing) {
            add_zero_share(parameters, asked, point, test::pair_secrets(point, holders), share);
        }
        return share;
    }
    // What the recipient opens.
    Integers release(const ReleaseRequest& asked, Countermeasures with) const {
        std::vector<ReleaseShare> shares;
        for (const unsigned point : asked.holders.points()) {
            shares.push_back({.point = point,
                              .request = asked.digest(parameters),
                              .residues = answer(asked, point, with)});
        }
        return to_integers(ring, combine_release(parameters, asked, parts[0], shares), 0);
    }

    Parameters parameters = test::small_ring(5, 0);
    const Ring& ring = parameters.ring();
    std::unique_ptr<Parties> parties;
    unsigned holders = 0;
    std::vector<ReleasePoint> points;
    std::vector<RnsPoly> parts;
    Integers truth;  // m + e
};

TEST_F(Attack, AnUnfloodedReleaseGivesTheKey) {
    set_up(3, 4);
    double norm = 0;  // of e: what the flooding has to cover
    for (std::size_t i = 0; i < truth.size(); ++i) {
        const auto error = static_cast<double>(truth[i] - std::int64_t(i * 7919 % 65536));
        norm += error * error;
    }
    const double sigma =
        flooding_sigma({.kappa = 30, .releases = 1, .error_norm = std::sqrt(norm)});
    const auto asked = request(HolderSet::create(4, 3, {1, 2, 4}), sigma);
    const Integers exact = release(asked, {.flooding = false});
    EXPECT_EQ(exact, truth);
    EXPECT_EQ(solve_for_secret(ring, exact, parts[0], parts[1]), parties->secret());

    const Integers flooded = release(asked, {});
    const Integers solution = solve_for_secret(ring, flooded, parts[0], parts[1]);
    EXPECT_EQ(small_coefficients(solution, 3), 0U);
    EXPECT_EQ(small_coefficients(parties->secret(), 3), 32U);
}

// A fraction in lowest terms, of products of small integers.
struct Fraction {
    std::int64_t above = 1;
    std::int64_t below = 1;
    void multiply(std::int64_t a, std::int64_t b) {
        above *= a;
        below *= b;
        const std::int64_t common = std::gcd(above, below) * (below < 0 ? -1 : 1);
        above /= common;
        below /= common;
    }
};

// lambda' of holder j of T for colluders C: the factor of s c_1 in what is left of d_j once the
// colluders' points are taken out: (factor of j in T, at 0) times (factor of 0 in {0} and C, at j).
Fraction leaked_factor(unsigned j, const HolderSet& set, const HolderSet& colluders) {
    Fraction result;
    for (const unsigned m : set.points()) {
        if (m != j) {
            result.multiply(-static_cast<std::int64_t>(m), std::int64_t(j) - m);
        }
    }
    for (const unsigned c : colluders.points()) {
        result.multiply(std::int64_t(j) - c, -static_cast<std::int64_t>(c));
    }
    return result;
}

struct Leak {
    Fraction factor;
    unsigned honest = 0;
    HolderSet set, colluders;
};

// The collusion of t - 1 with the largest factor, or the largest denominator, among those that
// leave at least two honest holders in T.
Leak worst_leak(unsigned k, unsigned t, bool by_denominator) {
    std::vector<Leak> all;
    for (const HolderSet& set : test::subsets(k, t)) {
        for (const HolderSet& colluders : test::subsets(k, t - 1)) {
            if ((set.mask() & ~colluders.mask()) == 0 ||
                std::popcount(set.mask() & ~colluders.mask()) < 2) {
                continue;
            }
            for (const unsigned j : set.points()) {
                if (!colluders.contains(j)) {
                    all.push_back({leaked_factor(j, set, colluders), j, set, colluders});
                }
            }
        }
    }
    return *std::ranges::max_element(all, {}, [&](const Leak& leak) {
        return by_denominator ? static_cast<double>(leak.factor.below)
                              : std::abs(static_cast<double>(leak.factor.above) /
                                         static_cast<double>(leak.factor.below));
    });
}

// b d_j less the colluders' part, plus a c_0: a (m + e) + b E_j for lambda' = a / b.
Integers colluders_view(const Ring& ring, const Leak& leak, const Residues& share,
                        const std::vector<ReleasePoint>& points,
                        const std::vector<RnsPoly>& parts) {
    const Modulus& q = ring.modulus(0);
    const auto signed_mod = [&](std::int64_t x) {
        return x < 0 ? q.value - static_cast<std::uint64_t>(-x) : static_cast<std::uint64_t>(x);
    };
    std::vector<unsigned> nodes(leak.colluders.points().begin(), leak.colluders.points().end());
    nodes.insert(nodes.begin(), 0);
    const std::uint64_t weight = lagrange_weight(leak.honest, leak.set.points(), 0, q);
    RnsPoly known(ring.n(), 1, true);
    for (const unsigned c : leak.colluders.points()) {
        const std::uint64_t factor =
            multiply_mod(weight, lagrange_weight(c, nodes, leak.honest, q), q);
        for (std::size_t i = 0; i < ring.n(); ++i) {
            known.limb(0)[i] = add_mod(
                known.limb(0)[i],
                multiply_mod(
                    factor, multiply_mod(points[c - 1].values().limb(0)[i], parts[1].limb(0)[i], q),
                    q),
                q);
        }
    }
    RnsPoly c0 = parts[0].copy();
    ring.inverse(known.limb(0), 0);
    ring.inverse(c0.limb(0), 0);
    Integers result(ring.n());
    for (std::size_t i = 0; i < ring.n(); ++i) {
        const std::uint64_t rest = subtract_mod(share[0][i], known.limb(0)[i], q);
        result[i] =
            centred(add_mod(multiply_mod(signed_mod(leak.factor.below), rest, q),
                            multiply_mod(signed_mod(leak.factor.above), c0.limb(0)[i], q), q),
                    q);
    }
    return result;
}

TEST_F(Attack, WithoutZeroSharingColludersReadTheMessageThroughTheFactors) {
    constexpr double sigma = 1 << 20;
    set_up(5, 8);
    const Leak leak = worst_leak(8, 5, false);
    const double factor =
        static_cast<double>(leak.factor.above) / static_cast<double>(leak.factor.below);
    EXPECT_GT(std::abs(factor), 1000);
    RecordProperty("factor", std::to_string(factor));
    const auto asked = request(leak.set, sigma);
    const auto largest_error = [&](bool zero_sharing) {
        const Integers view = colluders_view(
            ring, leak, answer(asked, leak.honest, {.zero_sharing = zero_sharing}), points, parts);
        double largest = 0;
        for (std::size_t i = 0; i < view.size(); ++i) {
            const double estimate =
                static_cast<double>(view[i]) / static_cast<double>(leak.factor.above);
            largest = std::max(largest, std::abs(estimate - static_cast<double>(truth[i])));
        }
        return largest;
    };
    // The noise that should be at least sigma has shrunk by the factor.
    EXPECT_LT(largest_error(false), 16 * sigma / std::abs(factor));
    EXPECT_GT(largest_error(true), sigma);
}

TEST_F(Attack, WithoutZeroSharingColludersReadTheMessageModuloDenominators) {
    set_up(5, 8);
    const Leak leak = worst_leak(8, 5, true);
    ASSERT_GT(leak.factor.below, 20);
    const auto asked = request(leak.set, 1 << 20);
    const auto matches = [&](bool zero_sharing) {
        const Integers view = colluders_view(
            ring, leak, answer(asked, leak.honest, {.zero_sharing = zero_sharing}), points, parts);
        std::size_t count = 0;
        for (std::size_t i = 0; i < view.size(); ++i) {
            count += (view[i] - leak.factor.above * truth[i]) % leak.factor.below == 0 ? 1 : 0;
        }
        return count;
    };
    EXPECT_EQ(matches(false), 32U);  // exactly, under noise of any size
    EXPECT_LT(matches(true), 12U);   // one in more than 20 by chance
}

TEST_F(Attack, FreshNoiseInEveryRetryAveragesAway) {
    set_up(2, 3);
    // The deviation of the mean is 4.6 sqrt(2) / 64: a rounding error would be one of 5 deviations.
    constexpr int tries = 4096;
    const auto asked = request(HolderSet::create(3, 2, {1, 3}), 4.0);
    const auto average = [&](bool fresh) {
        std::vector<double> sum(ring.n(), 0);
        for (int i = 0; i < tries; ++i) {
            const Integers opened =
                release(asked, {.noise = fresh ? 10000 + 8 * static_cast<std::uint64_t>(i) : 900});
            std::transform(sum.begin(), sum.end(), opened.begin(), sum.begin(),
                           [](double a, std::int64_t b) { return a + static_cast<double>(b); });
        }
        Integers rounded;
        for (const double x : sum) {
            rounded.push_back(static_cast<std::int64_t>(std::llround(x / tries)));
        }
        return rounded;
    };
    const Integers fresh = average(true);
    EXPECT_EQ(fresh, truth);
    EXPECT_EQ(solve_for_secret(ring, fresh, parts[0], parts[1]), parties->secret());
    // A holder's noise follows from its seed and the request: it is the same every time.
    const Integers same = average(false);
    EXPECT_EQ(same, release(asked, {}));
    EXPECT_NE(same, truth);
    EXPECT_LT(small_coefficients(solve_for_secret(ring, same, parts[0], parts[1]), 2), 4U);
}

// A server that asks for shares on (0, 2^40), of which the release is 2^40 s + noise.
TEST_F(Attack, AConstantCiphertextWithoutVerificationGivesTheKey) {
    set_up(2, 3);
    const Digest verified = ciphertext_digest(parameters, 0, parts[0], parts[1]);
    std::fill_n(parts[0].limb(0), ring.n(), std::uint64_t{0});
    std::fill_n(parts[1].limb(0), ring.n(), std::uint64_t{1} << 40U);
    const auto asked = request(HolderSet::create(3, 2, {2, 3}), std::exp2(30));
    Integers opened = release(asked, {});
    for (std::int64_t& x : opened) {
        x = std::llround(static_cast<double>(x) / std::exp2(40));
    }
    EXPECT_EQ(opened, parties->secret());

    // A holder answers for what it has verified, and for nothing else.
    const auto all = parties->holders(asked);
    EXPECT_TRUE(test::throws(ErrorCode::fingerprint_mismatch, {"verified", "exchanged"}, [&] {
        static_cast<void>(
            all[1].release(asked, parts[0], parts[1], verified, test::pair_secrets(2, 3)));
    }));
}

// Colluders who may ask each honest holder for another set are a set of their own with each of
// them: k - t + 1 releases, although every holder answers once. Sigma has to count them.
TEST_F(Attack, EveryHonestHolderCanBeShownARequestOfItsOwn) {
    set_up(2, 4);
    ASSERT_EQ(possible_releases(4, 2), 3U);
    EXPECT_EQ(possible_releases(8, 8), 1U);
    // Holder 1 colludes, and asks each of the others as the rest of its set. What the mean of the
    // three is off by, in the root mean square over many noises.
    const auto left = [&](double sigma, bool all) {
        double squares = 0;
        constexpr std::uint64_t noises = 40;
        for (std::uint64_t noise = 0; noise < noises; ++noise) {
            std::vector<double> sum(ring.n());
            const std::vector<unsigned> asked = all ? std::vector{2U, 3U, 4U} : std::vector{2U};
            for (const unsigned honest : asked) {
                const auto one = release(request(HolderSet::create(4, 2, {1, honest}), sigma),
                                         {.noise = 1000 * (noise + 1)});
                for (std::size_t i = 0; i < sum.size(); ++i) {
                    sum[i] += static_cast<double>(one[i] - truth[i]);
                }
            }
            for (const double error : sum) {
                squares += std::pow(error / static_cast<double>(asked.size()), 2);
            }
        }
        return std::sqrt(squares / static_cast<double>(noises * ring.n()));
    };
    constexpr double sigma = 1 << 24;
    const double one = left(sigma, false);
    EXPECT_NEAR(one / (std::sqrt(2.0) * sigma), 1, 0.1);
    // Less than the noise that was planned for is left, unless the plan counts the releases.
    EXPECT_NEAR(left(sigma, true) / one, 1 / std::sqrt(3.0), 0.06);
    const double counted =
        flooding_sigma({.kappa = 30, .releases = possible_releases(4, 2), .error_norm = 1}) /
        flooding_sigma({.kappa = 30, .releases = 1, .error_norm = 1});
    EXPECT_NEAR(left(counted * sigma, true) / one, 1, 0.1);
}

// A request with little noise, or for a set of one, which has nobody to share zero with.
TEST_F(Attack, ARequestThatChangesTheTermsIsNotAnswered) {
    set_up(2, 3);
    const auto agreed = request(HolderSet::create(3, 2, {1, 2}), std::exp2(24));
    const auto all = parties->holders(agreed);
    const auto refused = [&](const ReleaseRequest& asked, std::string_view word) {
        return test::throws(ErrorCode::fingerprint_mismatch, {word}, [&] {
            static_cast<void>(all[0].release(asked, parts[0], parts[1], asked.ciphertext,
                                             test::pair_secrets(1, 3)));
        });
    };
    static_cast<void>(
        all[0].release(agreed, parts[0], parts[1], agreed.ciphertext, test::pair_secrets(1, 3)));
    const auto largest_error = [&](const Integers& opened) {
        std::int64_t largest = 0;
        for (std::size_t i = 0; i < opened.size(); ++i) {
            largest = std::max(largest, std::abs(opened[i] - truth[i]));
        }
        return largest;
    };
    EXPECT_GT(largest_error(release(agreed, {})), std::int64_t{1} << 23U);
    ReleaseRequest asked = agreed;
    asked.sigma = 3.2;
    EXPECT_LT(largest_error(release(asked, {})), 64);  // who answers it shows m + e
    EXPECT_TRUE(refused(asked, "deviation 3.2"));
    asked = agreed;
    asked.holders = HolderSet::create(3, 1, {1});
    EXPECT_TRUE(refused(asked, "threshold of 1"));
    asked = agreed;
    asked.holders = HolderSet::create(4, 2, {1, 2});
    EXPECT_TRUE(refused(asked, "holders of 4"));
    asked = agreed;
    asked.gap = 2;
    EXPECT_TRUE(refused(asked, "gap 2"));
    asked = agreed;
    asked.charter = {};
    EXPECT_TRUE(refused(asked, "another charter"));
}

}  // namespace
}  // namespace cipherfit
