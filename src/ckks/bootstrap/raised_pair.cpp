#include "ckks/bootstrap/raised_pair.h"

#include "cipherfit/base/parallel.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace cipherfit {
namespace {

// Coefficients that one task of a base conversion handles: all limbs of a block stay in the cache.
constexpr std::size_t conversion_block = 2048;

}  // namespace

RaisedPair raised_pair(const Ring& ring, std::size_t level, bool zeroed) {
    const std::size_t limbs = level + 1 + ring.p_count();
    return {level, {RnsPoly(ring.n(), limbs, zeroed), RnsPoly(ring.n(), limbs, zeroed)}};
}

RaisedPair lift(const Ring& ring, const Ciphertext& a) {
    RaisedPair pair = raised_pair(ring, a.level(), true);
    const std::size_t limbs = a.level() + 1;
    parallel_for(0, 2 * limbs, [&](std::size_t task) {
        const std::size_t part = task % 2;
        const std::size_t limb = task / 2;
        kernels().multiply_scalar(pair.parts[part].limb(limb), a.part(part).limb(limb),
                                  ring.p_mod(limb), ring.n(), ring.modulus(limb));
    });
    return pair;
}

RnsPoly mod_down(const Ring& ring, RnsPoly raised, std::size_t level, bool rescale) {
    const std::size_t n = ring.n();
    const std::size_t kept = rescale ? level : level + 1;
    const std::size_t limbs = level + 1 + ring.p_count();
    parallel_for(kept, limbs, [&](std::size_t limb) {
        ring.inverse(raised.limb(limb), ring.prime_of_limb(limb, level));
    });
    RnsPoly result(n, kept);
    const BaseConversion& conversion =
        rescale ? ring.mod_down_rescale(level) : ring.mod_down(level);
    const std::size_t block = std::min(conversion_block, n);
    parallel_for(0, n / block, [&](std::size_t task) {
        const std::size_t offset = task * block;
        std::vector<const std::uint64_t*> in;
        std::vector<std::uint64_t*> out;
        in.reserve(limbs - kept);
        out.reserve(kept);
        for (std::size_t limb = kept; limb < limbs; ++limb) {
            in.push_back(raised.limb(limb) + offset);
        }
        for (std::size_t limb = 0; limb < kept; ++limb) {
            out.push_back(result.limb(limb) + offset);
        }
        conversion.apply(out.data(), in.data(), block);
    });
    parallel_for(0, kept, [&](std::size_t limb) {
        ring.forward(result.limb(limb), limb);
        const ShoupFactor& factor = rescale ? ring.pq_inverse(level, limb) : ring.p_inverse(limb);
        kernels().subtract_multiply_scalar(result.limb(limb), raised.limb(limb), result.limb(limb),
                                           factor, n, ring.modulus(limb));
    });
    return result;
}

Ciphertext lower(const Ring& ring, RaisedPair pair, double scale, bool rescale) {
    const std::size_t level = pair.level;
    std::vector<RnsPoly> parts;
    parts.reserve(2);
    for (RnsPoly& part : pair.parts) {
        parts.push_back(mod_down(ring, std::move(part), level, rescale));
    }
    const double divisor = rescale ? static_cast<double>(ring.modulus(level).value) : 1.0;
    return {std::move(parts), {rescale ? level - 1 : level, scale / divisor}};
}

}  // namespace cipherfit
