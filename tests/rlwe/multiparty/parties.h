// Dealers and holders on a small ring, and the naive sum of their secrets to check against.
#pragma once

#include "cipherfit/rlwe/multiparty/flooding.h"
#include "cipherfit/rlwe/multiparty/key_shares.h"
#include "cipherfit/rlwe/multiparty/noise.h"
#include "cipherfit/rlwe/owner/multiparty/dealer.h"
#include "cipherfit/rlwe/owner/multiparty/encrypt_zero.h"
#include "cipherfit/rlwe/owner/multiparty/holder.h"
#include "rlwe/owner/multiparty/derive.h"
#include "rlwe/owner/sampling.h"
#include "rlwe/ring.h"
#include "support/rings.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <numeric>
#include <random>
#include <vector>

namespace cipherfit::test {

inline Seed seed_of(std::uint64_t value) {
    Seed seed{};
    for (std::size_t i = 0; i < 8; ++i) {
        seed[i] = static_cast<std::uint8_t>(value >> (8 * i));
    }
    return seed;
}

inline Digest charter_of(std::uint64_t value) {
    return sha256(seed_of(value));
}

using Integers = std::vector<std::int64_t>;

// a b in Z[X]/(X^N + 1), the definition.
inline Integers negacyclic(const Integers& a, const Integers& b) {
    const std::size_t n = a.size();
    Integers result(n);
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
            (i + j < n ? result[i + j] : result[i + j - n]) += (i + j < n ? 1 : -1) * a[i] * b[j];
        }
    }
    return result;
}

// a(X^g), the definition.
inline Integers automorphism(const Integers& a, std::uint32_t g) {
    const std::size_t n = a.size();
    Integers result(n);
    for (std::size_t i = 0; i < n; ++i) {
        const std::size_t exponent = i * g % (2 * n);
        result[exponent % n] += exponent < n ? a[i] : -a[i];
    }
    return result;
}

// Integers as one limb of NTT values modulo a prime of the ring.
inline RnsPoly to_limb(const Ring& ring, std::size_t prime, const Integers& values) {
    const Modulus& q = ring.modulus(prime);
    RnsPoly limb(ring.n(), 1);
    for (std::size_t i = 0; i < ring.n(); ++i) {
        const std::int64_t rest = values[i] % static_cast<std::int64_t>(q.value);
        limb.limb(0)[i] =
            static_cast<std::uint64_t>(rest < 0 ? rest + std::int64_t(q.value) : rest);
    }
    ring.forward(limb.limb(0), prime);
    return limb;
}

// The centred coefficients of b + a secret in one limb; a may be nullptr for 0.
inline Integers phase(const Ring& ring, std::size_t prime, const std::uint64_t* b,
                      const std::uint64_t* a, const Integers& secret) {
    const Modulus& q = ring.modulus(prime);
    RnsPoly sum = to_limb(ring, prime, secret);
    kernels().multiply(sum.limb(0), sum.limb(0), a, ring.n(), q);
    kernels().add(sum.limb(0), sum.limb(0), b, ring.n(), q);
    ring.inverse(sum.limb(0), prime);
    Integers result(ring.n());
    std::transform(sum.limb(0), sum.limb(0) + ring.n(), result.begin(),
                   [&](std::uint64_t x) { return centred(x, q); });
    return result;
}

// t dealers under one charter, with the common randomness of that number.
struct Parties {
    Parties(const Parameters& ring, unsigned dealer_count, std::uint64_t number = 0)
        : parameters(ring), charter(charter_of(number)), common(seed_of(number + 1)) {
        for (unsigned i = 0; i < dealer_count; ++i) {
            dealers.push_back(
                Dealer::from_seed(ring, charter, seed_of(1000 * number + 17 * i + 5)));
        }
    }

    // The naive sum of secrets.
    Integers secret() const {
        Integers sum(parameters.n());
        for (const Dealer& dealer : dealers) {
            const auto part = dealer.summand().coefficients();
            std::transform(sum.begin(), sum.end(), part.begin(), sum.begin(), std::plus<>());
        }
        return sum;
    }
    template <class F>
    std::vector<KeyShare> shares(F&& share) const {
        std::vector<KeyShare> result;
        for (const Dealer& dealer : dealers) {
            result.push_back(share(dealer));
        }
        return result;
    }
    JointPublicKey public_key() const {
        return joint_public_key(parameters, common,
                                sum_shares(parameters, shares([&](const Dealer& dealer) {
                                               return dealer.public_key_share(common);
                                           })));
    }
    SwitchingKey switching_key(KeyId id, std::size_t level) const {
        return joint_switching_key(
            parameters, common, sum_shares(parameters, shares([&](const Dealer& dealer) {
                                               return dealer.switching_key_share(common, id, level);
                                           })));
    }
    SwitchingKey relinearization_key(std::size_t level) const {
        const auto one =
            shares([&](const Dealer& dealer) { return dealer.relinearization_one(common, level); });
        const auto two =
            shares([&](const Dealer& dealer) { return dealer.relinearization_two(common, one); });
        return joint_relinearization_key(parameters, sum_shares(parameters, one),
                                         sum_shares(parameters, two));
    }
    // The sums of all dealers' points, holder by holder.
    std::vector<ReleasePoint> points(unsigned count, unsigned threshold, std::size_t level) const {
        std::vector<std::vector<ReleasePoint>> by_holder(count);
        for (const Dealer& dealer : dealers) {
            auto own = dealer.release_points(count, threshold, level);
            for (unsigned j = 0; j < count; ++j) {
                by_holder[j].push_back(std::move(own[j]));
            }
        }
        std::vector<ReleasePoint> result;
        for (const auto& of_holder : by_holder) {
            result.push_back(ReleasePoint::sum(parameters, of_holder));
        }
        return result;
    }
    // Holders who agreed on what the request asks for.
    std::vector<Holder> holders(const ReleaseRequest& agreed, std::uint64_t noise = 900) const {
        const ReleaseTerms terms{.charter = agreed.charter,
                                 .holders = agreed.holders.holders(),
                                 .threshold = agreed.holders.threshold(),
                                 .level = agreed.level,
                                 .gap = agreed.gap,
                                 .sigma = agreed.sigma};
        std::vector<Holder> result;
        auto all = points(terms.holders, terms.threshold, terms.level);
        for (ReleasePoint& point : all) {
            const unsigned j = point.point();
            result.emplace_back(parameters, terms, std::move(point), seed_of(noise + j));
        }
        return result;
    }

    Parameters parameters;
    Digest charter;
    Seed common;
    std::vector<Dealer> dealers;
};

// The secrets that holder `point` has with each other of 1..count.
inline std::map<unsigned, Seed> pair_secrets(unsigned point, unsigned count) {
    std::map<unsigned, Seed> result;
    for (unsigned other = 1; other <= count; ++other) {
        if (other != point) {
            result[other] = seed_of(100000 + 100 * std::min(point, other) + std::max(point, other));
        }
    }
    return result;
}

// Every set of `threshold` of the points 1..holders.
inline std::vector<HolderSet> subsets(unsigned holders, unsigned threshold) {
    std::vector<HolderSet> result;
    for (unsigned mask = 0; mask < (1U << holders); ++mask) {
        std::vector<unsigned> points;
        for (unsigned j = 0; j < holders; ++j) {
            if ((mask >> j & 1U) != 0) {
                points.push_back(j + 1);
            }
        }
        if (points.size() == threshold) {
            result.push_back(HolderSet::create(holders, threshold, points));
        }
    }
    return result;
}

inline double mean_square(const Integers& values) {
    return std::accumulate(values.begin(), values.end(), 0.0,
                           [](double sum, std::int64_t x) {
                               return sum + static_cast<double>(x) * static_cast<double>(x);
                           }) /
           static_cast<double>(values.size());
}

}  // namespace cipherfit::test
