#include "rlwe/key_switch.h"

#include "cipherfit/base/parallel.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace cipherfit {
namespace {

// Coefficients that one task of a base conversion handles: all limbs of a block stay in the cache.
constexpr std::size_t conversion_block = 2048;

// Applies a conversion to whole limbs, in parallel over blocks of coefficients.
void convert(const BaseConversion& conversion, const std::vector<std::uint64_t*>& out,
             const std::vector<const std::uint64_t*>& in, std::size_t n) {
    const std::size_t block = std::min(conversion_block, n);
    parallel_for(0, n / block, [&](std::size_t task) {
        const std::size_t offset = task * block;
        std::array<std::uint64_t*, 128> block_out{};
        std::array<const std::uint64_t*, 64> block_in{};
        std::transform(out.begin(), out.end(), block_out.begin(),
                       [&](std::uint64_t* limb) { return limb + offset; });
        std::transform(in.begin(), in.end(), block_in.begin(),
                       [&](const std::uint64_t* limb) { return limb + offset; });
        conversion.apply(block_out.data(), block_in.data(), block);
    });
}

void accumulate(const Ring& ring, const Decomposition& digits, const SwitchingKey& key,
                RaisedPair& sum, bool add) {
    const std::size_t n = ring.n();
    const std::size_t limbs = digits.level + 1 + ring.p_count();
    parallel_for(0, 2 * limbs, [&](std::size_t task) {
        const std::size_t part = task % 2;
        const std::size_t limb = task / 2;
        const std::size_t prime = ring.prime_of_limb(limb, digits.level);
        // A key of a higher level has its special limbs further back.
        const std::size_t key_limb =
            limb <= digits.level ? limb : limb + (key.level - digits.level);
        const auto& polys = part == 0 ? key.b : key.a;
        std::array<const std::uint64_t*, 128> left{};
        std::array<const std::uint64_t*, 128> right{};
        for (std::size_t digit = 0; digit < digits.limbs.size(); ++digit) {
            left[digit] = digits.limbs[digit][limb];
            right[digit] = polys[digit].limb(key_limb);
        }
        kernels().multiply_accumulate(sum.parts[part].limb(limb), left.data(), right.data(),
                                      digits.limbs.size(), add, n, ring.modulus(prime));
    });
}

}  // namespace

Decomposition decompose(const Ring& ring, const RnsPoly& source, std::size_t level) {
    const std::size_t n = ring.n();
    RnsPoly coefficients(n, level + 1);
    parallel_for(0, level + 1, [&](std::size_t i) {
        std::memcpy(coefficients.limb(i), source.limb(i), n * sizeof(std::uint64_t));
        ring.inverse(coefficients.limb(i), i);
    });

    Decomposition result;
    result.level = level;
    const std::size_t limbs = level + 1 + ring.p_count();
    struct Target {
        std::uint64_t* limb;
        std::size_t prime;
    };
    std::vector<Target> targets;
    for (std::size_t digit = 0; digit < ring.digits_at(level); ++digit) {
        const std::size_t first = digit * ring.digit_size();
        const std::size_t last = std::min(first + ring.digit_size(), level + 1);
        RnsPoly raised(n, limbs - (last - first));
        std::vector<const std::uint64_t*> view(limbs);
        std::vector<const std::uint64_t*> in;
        std::vector<std::uint64_t*> out;
        for (std::size_t limb = 0; limb < limbs; ++limb) {
            if (limb >= first && limb < last) {
                view[limb] = source.limb(limb);
                in.push_back(coefficients.limb(limb));
            } else {
                out.push_back(raised.limb(out.size()));
                view[limb] = out.back();
                targets.push_back({out.back(), ring.prime_of_limb(limb, level)});
            }
        }
        convert(ring.mod_up(level, digit), out, in, n);
        result.raised.push_back(std::move(raised));
        result.limbs.push_back(std::move(view));
    }
    parallel_for(0, targets.size(),
                 [&](std::size_t i) { ring.forward(targets[i].limb, targets[i].prime); });
    return result;
}

RaisedPair inner_product(const Ring& ring, const Decomposition& digits, const SwitchingKey& key) {
    const std::size_t limbs = digits.level + 1 + ring.p_count();
    RaisedPair sum{digits.level, {RnsPoly(ring.n(), limbs), RnsPoly(ring.n(), limbs)}};
    accumulate(ring, digits, key, sum, false);
    return sum;
}

void add_inner_product(const Ring& ring, const Decomposition& digits, const SwitchingKey& key,
                       RaisedPair& sum) {
    accumulate(ring, digits, key, sum, true);
}

void add_lifted(const Ring& ring, RnsPoly& raised, const RnsPoly& c, std::size_t level) {
    parallel_for(0, level + 1, [&](std::size_t i) {
        kernels().multiply_scalar_add(raised.limb(i), c.limb(i), ring.p_mod(i), ring.n(),
                                      ring.modulus(i));
    });
}

RnsPoly mod_down(const Ring& ring, RnsPoly raised, std::size_t level, bool rescale) {
    const std::size_t n = ring.n();
    const std::size_t kept = rescale ? level : level + 1;
    const std::size_t limbs = level + 1 + ring.p_count();
    std::vector<const std::uint64_t*> in;
    for (std::size_t limb = kept; limb < limbs; ++limb) {
        in.push_back(raised.limb(limb));
    }
    parallel_for(kept, limbs, [&](std::size_t limb) {
        ring.inverse(raised.limb(limb), ring.prime_of_limb(limb, level));
    });
    RnsPoly result(n, kept);
    std::vector<std::uint64_t*> out;
    for (std::size_t i = 0; i < kept; ++i) {
        out.push_back(result.limb(i));
    }
    convert(rescale ? ring.mod_down_rescale(level) : ring.mod_down(level), out, in, n);
    parallel_for(0, kept, [&](std::size_t i) {
        ring.forward(result.limb(i), i);
        const ShoupFactor& factor = rescale ? ring.pq_inverse(level, i) : ring.p_inverse(i);
        kernels().subtract_multiply_scalar(result.limb(i), raised.limb(i), result.limb(i), factor,
                                           n, ring.modulus(i));
    });
    return result;
}

}  // namespace cipherfit
