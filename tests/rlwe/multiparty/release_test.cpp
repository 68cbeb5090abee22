// Shamir points and releases: every set of t holders opens, t - 1 know nothing.
#include "rlwe/multiparty/lagrange.h"
#include "rlwe/multiparty/parties.h"
#include "rlwe/owner/multiparty/flooding_sampler.h"
#include "rlwe/owner/multiparty/release_parts.h"
#include "support/errors.h"
#include "support/statistics.h"

namespace cipherfit {
namespace {

using test::Integers;
using test::Parties;

// A ciphertext of a small message at a level, under the joint key.
struct Sample {
    std::vector<RnsPoly> parts;
    Integers phase;  // message + error, in limb 0
    Digest digest{};

    Sample(const Parties& parties, std::size_t level)
        : parts(encrypt_zero(parties.public_key(), level)) {
        const Ring& ring = parties.parameters.ring();
        Integers message(ring.n());
        for (std::size_t i = 0; i < message.size(); ++i) {
            message[i] = static_cast<std::int64_t>(i * 1000003 % 65537) - 32768;
        }
        for (std::size_t limb = 0; limb <= level; ++limb) {
            const RnsPoly m = test::to_limb(ring, limb, message);
            kernels().add(parts[0].limb(limb), parts[0].limb(limb), m.limb(0), ring.n(),
                          ring.modulus(limb));
        }
        phase = test::phase(ring, 0, parts[0].limb(0), parts[1].limb(0), parties.secret());
        digest = ciphertext_digest(parties.parameters, level, parts[0], parts[1]);
    }
};

// The released coefficients less what was encrypted, in limb 0; all limbs must agree.
Integers release_error(const Parameters& parameters, const RnsPoly& opened, const Sample& sample,
                       std::size_t gap) {
    const Ring& ring = parameters.ring();
    Integers result;
    for (std::size_t limb = 0; limb < opened.limbs(); ++limb) {
        RnsPoly copy = opened.copy();
        ring.inverse(copy.limb(limb), limb);
        Integers found;
        for (std::size_t i = 0; i < ring.n(); ++i) {
            const std::int64_t value = centred(copy.limb(limb)[i], ring.modulus(limb));
            if (i % gap == 0) {
                found.push_back(value - sample.phase[i]);
            } else {
                EXPECT_EQ(value, 0);
            }
        }
        if (limb == 0) {
            result = found;
        }
        EXPECT_EQ(found, result);
    }
    return result;
}

struct Threshold {
    unsigned t, k;
};

class Release : public testing::TestWithParam<Threshold> {};

TEST_P(Release, EverySetOfTOpensWithTheNoiseOfAllOfThem) {
    const auto [t, k] = GetParam();
    const Parameters parameters = test::small_ring(6, 2);
    const Parties parties(parameters, t);
    const std::size_t level = 1;
    const Sample sample(parties, level);
    const double sigma = 5000;
    Integers errors;
    for (const std::size_t gap : {1U, 4U}) {
        for (const HolderSet& set : test::subsets(k, t)) {
            const ReleaseRequest request{.charter = parties.charter,
                                         .ciphertext = sample.digest,
                                         .holders = set,
                                         .level = level,
                                         .gap = gap,
                                         .sigma = sigma};
            const auto holders = parties.holders(request);
            std::vector<ReleaseShare> shares;
            for (const unsigned point : set.points()) {
                shares.push_back(holders[point - 1].release(request, sample.parts[0],
                                                            sample.parts[1], sample.digest,
                                                            test::pair_secrets(point, k)));
                ASSERT_EQ(shares.back().residues[0].size(), 64 / gap);
            }
            const RnsPoly opened = combine_release(parameters, request, sample.parts[0], shares);
            const Integers found = release_error(parameters, opened, sample, gap);
            errors.insert(errors.end(), found.begin(), found.end());
        }
    }
    const double reached = FloodingSampler(sigma).sigma();
    EXPECT_GE(reached, sigma);
    const double variance = JointNoise(parameters, t).release(reached, t);
    const auto count = static_cast<double>(errors.size());
    EXPECT_NEAR(test::mean_square(errors) / variance, 1, 7 * std::sqrt(2 / count));
    const auto largest = std::ranges::max(errors, {}, [](std::int64_t x) { return std::abs(x); });
    EXPECT_LE(std::abs(static_cast<double>(largest)), 8 * std::sqrt(variance));
    EXPECT_GE(std::abs(static_cast<double>(largest)) * 32, 8 * std::sqrt(variance));
}

INSTANTIATE_TEST_SUITE_P(Sets, Release,
                         testing::Values(Threshold{1, 1}, Threshold{1, 3}, Threshold{2, 2},
                                         Threshold{2, 5}, Threshold{3, 4}, Threshold{5, 8},
                                         Threshold{8, 8}),
                         [](const auto& instance) {
                             return std::to_string(instance.param.t) + "_of_" +
                                    std::to_string(instance.param.k);
                         });

// Given any t - 1 points, every candidate for a value of the secret is the value at 0 of exactly
// one polynomial of degree t - 1 through them; and every such polynomial is equally likely, since
// its t - 1 higher coefficients are uniform and follow one to one from the points. Checked in full
// over a prime: all candidates, all sets of t - 1.
TEST(ReleasePoints, TMinusOneFitEveryCandidateSecret) {
    const Parameters parameters = test::small_ring(5, 0);
    const Modulus& q = parameters.ring().modulus(0);
    const Parties parties(parameters, 1);
    for (const auto [t, k] : {Threshold{2, 3}, Threshold{3, 5}, Threshold{5, 8}}) {
        const auto points = parties.dealers[0].release_points(k, t, 0);
        for (const HolderSet& view : test::subsets(k, t - 1)) {
            std::vector<unsigned> nodes(view.points().begin(), view.points().end());
            nodes.insert(nodes.begin(), 0);
            for (const std::int64_t candidate : {-1, 0, 1, 12345}) {
                // f from the candidate at 0 and the view, then evaluated everywhere.
                const std::uint64_t at_zero =
                    candidate < 0 ? q.value - 1 : static_cast<std::uint64_t>(candidate);
                const std::size_t slot = 7;
                const auto f = [&](unsigned at) {
                    std::uint64_t sum = 0;
                    for (const unsigned node : nodes) {
                        const std::uint64_t value =
                            node == 0 ? at_zero : points[node - 1].values().limb(0)[slot];
                        sum = add_mod(
                            sum, multiply_mod(lagrange_weight(node, nodes, at, q), value, q), q);
                    }
                    return sum;
                };
                // It is consistent: it has the candidate at 0 and the view at the view's points,
                EXPECT_EQ(f(0), at_zero);
                for (const unsigned node : view.points()) {
                    EXPECT_EQ(f(node), points[node - 1].values().limb(0)[slot]);
                }
                // and of degree t - 1: any t of its values give the same candidate.
                for (const HolderSet& set : test::subsets(k, t)) {
                    std::uint64_t sum = 0;
                    for (const unsigned point : set.points()) {
                        sum = add_mod(
                            sum,
                            multiply_mod(lagrange_weight(point, set.points(), 0, q), f(point), q),
                            q);
                    }
                    EXPECT_EQ(sum, at_zero);
                }
            }
        }
    }
}

TEST(ReleasePoints, TOfThemAreTheSecretAndNothingIsKnownAboveTheLevel) {
    const Parameters parameters = test::small_ring(6, 3);
    const Parties parties(parameters, 1);
    const auto points = parties.dealers[0].release_points(5, 3, 1);
    ASSERT_EQ(points[0].values().limbs(), 2U);
    for (const HolderSet& set : test::subsets(5, 3)) {
        for (std::size_t limb = 0; limb <= 1; ++limb) {
            const Modulus& q = parameters.ring().modulus(limb);
            for (std::size_t i = 0; i < parameters.n(); ++i) {
                std::uint64_t sum = 0;
                for (const unsigned point : set.points()) {
                    sum = add_mod(sum,
                                  multiply_mod(lagrange_weight(point, set.points(), 0, q),
                                               points[point - 1].values().limb(limb)[i], q),
                                  q);
                }
                ASSERT_EQ(sum, parties.dealers[0].summand().ntt().limb(limb)[i]);
            }
        }
    }
}

TEST(ReleasePoints, AreUniformForAThresholdAboveOne) {
    const Parameters parameters = test::small_ring(10, 0);
    const Parties parties(parameters, 1);
    const auto points = parties.dealers[0].release_points(4, 2, 0);
    for (const ReleasePoint& point : points) {
        std::array<std::size_t, 16> counts{};
        for (std::size_t i = 0; i < parameters.n(); ++i) {
            ++counts[point.values().limb(0)[i] / (parameters.q(0) / 16 + 1)];
        }
        EXPECT_LT(test::chi_square_deviations(counts, std::vector<double>(16, 1.0 / 16)), 6);
    }
}

TEST(ReleaseRequests, WhatDoesNotFitIsRefusedWithWhomAndWhat) {
    const Parameters parameters = test::small_ring(6, 1);
    const Parties parties(parameters, 2);
    const Sample sample(parties, 1);
    const ReleaseRequest good{.charter = parties.charter,
                              .ciphertext = sample.digest,
                              .holders = HolderSet::create(3, 2, {1, 3}),
                              .level = 1,
                              .gap = 1,
                              .sigma = 100};
    const auto holders = parties.holders(good);
    const auto ask = [&](unsigned point, const ReleaseRequest& request, const Digest& verified) {
        return holders[point - 1].release(request, sample.parts[0], sample.parts[1], verified,
                                          test::pair_secrets(point, 3));
    };
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"holder 2"},
                             [&] { static_cast<void>(ask(2, good, sample.digest)); }));
    EXPECT_TRUE(test::throws(ErrorCode::fingerprint_mismatch, {"verified"},
                             [&] { static_cast<void>(ask(1, good, Digest{})); }));
    ReleaseRequest other = good;
    other.ciphertext = {};
    EXPECT_TRUE(test::throws(ErrorCode::fingerprint_mismatch, {"names"},
                             [&] { static_cast<void>(ask(1, other, sample.digest)); }));
    other = good;
    other.gap = 3;
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"power of two", "3"},
                             [&] { require_valid(parameters, other); }));
    other = good;
    other.sigma = std::exp2(95);
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"does not fit"},
                             [&] { require_valid(parameters, other); }));
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"holder 1", "holder 3"}, [&] {
        static_cast<void>(
            holders[0].release(good, sample.parts[0], sample.parts[1], sample.digest, {}));
    }));
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"exactly 2"},
                             [] { static_cast<void>(HolderSet::create(3, 2, {1, 1})); }));

    const ReleaseShare first = ask(1, good, sample.digest);
    const ReleaseShare third = ask(3, good, sample.digest);
    const auto combine = [&](const std::vector<ReleaseShare>& shares) {
        static_cast<void>(combine_release(parameters, good, sample.parts[0], shares));
    };
    combine({third, first});
    EXPECT_TRUE(test::throws(ErrorCode::bad_input, {"holder 3"}, [&] { combine({first}); }));
    EXPECT_TRUE(
        test::throws(ErrorCode::corrupt_data, {"holder 1"}, [&] { combine({first, first}); }));
    ReleaseShare changed = third;
    changed.request[5] ^= 1U;
    EXPECT_TRUE(
        test::throws(ErrorCode::corrupt_data, {"holder 3"}, [&] { combine({first, changed}); }));
    changed = third;
    changed.residues[1][0] = parameters.q(1);
    EXPECT_TRUE(
        test::throws(ErrorCode::corrupt_data, {"holder 3"}, [&] { combine({first, changed}); }));
}

TEST(Flooding, SigmaFollowsThePublishedRule) {
    const double sigma = flooding_sigma({.kappa = 30, .releases = 1, .error_norm = 1000});
    EXPECT_NEAR(sigma, std::sqrt(12.0) * 32768 * 1000, 1e-3);
    EXPECT_NEAR(flooding_sigma({.kappa = 40, .releases = 4, .error_norm = 1}),
                2 * std::sqrt(12.0) * std::exp2(20), 1e-3);
    EXPECT_NEAR(std::log2(flooding_distance(30)), -17.8, 0.05);
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"30", "29"}, [] {
        static_cast<void>(flooding_sigma({.kappa = 29, .releases = 1, .error_norm = 1}));
    }));
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"norm"}, [] {
        static_cast<void>(flooding_sigma({.kappa = 30, .releases = 1, .error_norm = 0}));
    }));
}

TEST(Flooding, SamplesHaveTheDeviationAndFullLowBits) {
    for (const double log_sigma : {2.0, 5.0, 11.0, 30.0, 62.0, 90.0}) {
        const FloodingSampler flooding(std::exp2(log_sigma));
        EXPECT_GE(flooding.sigma(), std::exp2(log_sigma));
        EXPECT_LE(flooding.sigma(), 2 * std::exp2(log_sigma));
        SecretSampler sampler(test::seed_of(static_cast<std::uint64_t>(log_sigma)));
        std::vector<SignedWide> values(4096);
        flooding.sample(sampler, values);
        double sum = 0;
        double fourth = 0;
        std::array<std::size_t, 8> low{};
        for (const SignedWide value : values) {
            const double x = static_cast<double>(value) / flooding.sigma();
            sum += x * x;
            fourth += x * x * x * x;
            ++low[static_cast<std::size_t>(static_cast<std::uint64_t>(value) & 7U)];
        }
        // Variance 1 (its deviation sqrt(2 / 4096)), kurtosis 3 (deviation sqrt(96 / 4096)).
        EXPECT_NEAR(sum / 4096, 1, 6 * std::sqrt(2.0 / 4096)) << log_sigma;
        EXPECT_NEAR(fourth / 4096, 3, 6 * std::sqrt(96.0 / 4096)) << log_sigma;
        if (log_sigma > 3) {
            EXPECT_LT(test::chi_square_deviations(low, std::vector<double>(8, 0.125)), 6)
                << log_sigma;
        }
    }
}

// The exact weights of a joined sample, by convolution, against the discrete Gaussian's.
TEST(Flooding, AJoinedSampleIsADiscreteGaussianToThePrecisionOfItsParts) {
    const auto weight = [](int x, double sigma) { return std::exp(-x * x / (2 * sigma * sigma)); };
    const FloodingSampler flooding(10.0);  // 3.2, joined with factors 1 and 2
    ASSERT_EQ(flooding.factors().size(), 2U);
    std::map<int, double> part;
    for (int x = -30; x <= 30; ++x) {
        part[x] = weight(x, 3.2);
    }
    for (const std::uint64_t factor : flooding.factors()) {
        std::map<int, double> joined;
        for (const auto& [x, a] : part) {
            for (const auto& [y, b] : part) {
                joined[x + static_cast<int>(factor) * y] += a * b;
            }
        }
        part = std::move(joined);
    }
    double total = 0;
    double ideal = 0;
    for (int x = -60; x <= 60; ++x) {
        total += part[x];
        ideal += weight(x, flooding.sigma());
    }
    for (int x = -60; x <= 60; ++x) {
        EXPECT_NEAR(part[x] / total / (weight(x, flooding.sigma()) / ideal), 1, 1e-12) << x;
    }
}

}  // namespace
}  // namespace cipherfit
