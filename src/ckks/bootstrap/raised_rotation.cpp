#include "ckks/bootstrap/raised_rotation.h"

#include "cipherfit/base/parallel.h"

#include <array>
#include <utility>
#include <vector>

namespace cipherfit {

RaisedPair raised_pair(const Ring& ring, std::size_t level, bool zeroed) {
    const std::size_t limbs = level + 1 + ring.p_count();
    return {level, {RnsPoly(ring.n(), limbs, zeroed), RnsPoly(ring.n(), limbs, zeroed)}};
}

RaisedPair lift(const Ring& ring, const Ciphertext& a) {
    RaisedPair pair = raised_pair(ring, a.level(), true);
    for (std::size_t part = 0; part < 2; ++part) {
        add_lifted(ring, pair.parts[part], a.part(part), a.level());
    }
    return pair;
}

void rotate_raised(const Ring& ring, const Decomposition& digits, RotatedPart c0,
                   const SwitchingKey& key, RaisedPair& out, bool add) {
    const std::size_t n = ring.n();
    const std::size_t level = digits.level;
    const std::size_t limbs = level + 1 + ring.p_count();
    const Permutation& permutation = ring.permutation(galois_element(key.id, ring.log_n()));
    parallel_for(0, limbs, [&](std::size_t limb) {
        const Modulus& q = ring.modulus(ring.prime_of_limb(limb, level));
        const std::size_t key_limb = limb <= level ? limb : limb + (key.level - level);
        RnsPoly work(n, 2);
        std::array<const std::uint64_t*, 128> left{};
        std::array<const std::uint64_t*, 128> right{};
        for (std::size_t part = 0; part < 2; ++part) {
            for (std::size_t digit = 0; digit < digits.limbs.size(); ++digit) {
                left[digit] = digits.limbs[digit][limb];
                right[digit] = (part == 0 ? key.b : key.a)[digit].limb(key_limb);
            }
            std::uint64_t* switched = work.limb(0);
            kernels().multiply_accumulate(switched, left.data(), right.data(), digits.limbs.size(),
                                          false, n, q);
            if (part == 0 && c0.raised) {
                kernels().add(switched, switched, c0.poly->limb(limb), n, q);
            } else if (part == 0 && limb <= level) {
                kernels().multiply_scalar_add(switched, c0.poly->limb(limb), ring.p_mod(limb), n,
                                              q);
            }
            std::uint64_t* target = out.parts[part].limb(limb);
            if (add) {
                kernels().permute(work.limb(1), switched, permutation.data(), n);
                kernels().add(target, target, work.limb(1), n, q);
            } else {
                kernels().permute(target, switched, permutation.data(), n);
            }
        }
    });
}

void rotate_raised(const Ring& ring, const RnsPoly& c0, RnsPoly c1, const SwitchingKey& key,
                   RaisedPair& out, bool add) {
    const RnsPoly lowered = mod_down(ring, std::move(c1), out.level, false);
    rotate_raised(ring, decompose(ring, lowered, out.level), {&c0, true}, key, out, add);
}

SumAndDifference add_and_subtract(const Ring& ring, const RaisedPair& a, const SwitchingKey& key) {
    const std::size_t limbs = a.level + 1 + ring.p_count();
    SumAndDifference result{raised_pair(ring, a.level), raised_pair(ring, a.level)};
    rotate_raised(ring, a.parts[0], a.parts[1].copy(), key, result.difference, false);
    parallel_for(0, 2 * limbs, [&](std::size_t task) {
        const std::size_t part = task % 2;
        const std::size_t limb = task / 2;
        const Modulus& q = ring.modulus(ring.prime_of_limb(limb, a.level));
        const std::uint64_t* own = a.parts[part].limb(limb);
        std::uint64_t* difference = result.difference.parts[part].limb(limb);
        kernels().add(result.sum.parts[part].limb(limb), own, difference, ring.n(), q);
        kernels().subtract(difference, own, difference, ring.n(), q);
    });
    return result;
}

RaisedPair add_automorphism(const Ring& ring, RaisedPair a, const SwitchingKey& key) {
    rotate_raised(ring, a.parts[0], a.parts[1].copy(), key, a, true);
    return a;
}

Ciphertext lower(const Ring& ring, RaisedPair pair, double scale, bool rescale) {
    const std::size_t level = pair.level;
    std::vector<RnsPoly> parts;
    for (RnsPoly& part : pair.parts) {
        parts.push_back(mod_down(ring, std::move(part), level, rescale));
    }
    const double divisor = rescale ? static_cast<double>(ring.modulus(level).value) : 1.0;
    return {std::move(parts), {rescale ? level - 1 : level, scale / divisor}};
}

Ciphertext sum_of_automorphisms(const EvaluationKeys& keys, const Ciphertext& a,
                                std::span<const KeyId> ids) {
    const Ring& ring = keys.parameters().ring();
    const Decomposition digits = decompose(ring, a.part(1), a.level());
    RaisedPair sum = lift(ring, a);
    for (const KeyId id : ids) {
        rotate_raised(ring, digits, {&a.part(0), false}, keys.get(id, a.level()), sum, true);
    }
    return lower(ring, std::move(sum), a.scale(), false);
}

Ciphertext conjugate(const EvaluationKeys& keys, const Ciphertext& a) {
    const Ring& ring = keys.parameters().ring();
    const Decomposition digits = decompose(ring, a.part(1), a.level());
    RaisedPair result = raised_pair(ring, a.level());
    rotate_raised(ring, digits, {&a.part(0), false}, keys.get(KeyId::conjugation(), a.level()),
                  result, false);
    return lower(ring, std::move(result), a.scale(), false);
}

}  // namespace cipherfit
