#include "rlwe/raised_pair.h"

#include "cipherfit/base/parallel.h"
#include "rlwe/key_switch_steps.h"

#include <span>
#include <utility>

namespace cipherfit {
namespace {

// Both forms of a rotation. prepare(limb) is called before a limb's products, and
// add_c0(limb, part_0) after them; `digits` may be what prepare() completes.
template <class Prepare, class AddC0>
void rotate_limbs(const Ring& ring, const Decomposition& digits, const SwitchingKey& key,
                  RaisedPair& out, bool add, const Prepare& prepare, const AddC0& add_c0) {
    const std::size_t n = ring.n();
    const Permutation& permutation = ring.permutation(galois_element(key.id, ring.log_n()));
    parallel_for(0, digits.level + 1 + ring.p_count(), [&](std::size_t limb) {
        RnsPoly work(n, 3);
        prepare(limb);
        multiply_limb(ring, digits, key, limb, {work.limb(0), work.limb(1)});
        add_c0(limb, work.limb(0));
        for (std::size_t part = 0; part < 2; ++part) {
            std::uint64_t* target = out.parts[part].limb(limb);
            if (add) {
                kernels().permute(work.limb(2), work.limb(part), permutation.data(), n);
                kernels().add(target, target, work.limb(2), n,
                              ring.modulus(ring.prime_of_limb(limb, digits.level)));
            } else {
                kernels().permute(target, work.limb(part), permutation.data(), n);
            }
        }
    });
}

}  // namespace

RaisedPair raised_pair(const Ring& ring, std::size_t level, bool zeroed) {
    const std::size_t limbs = level + 1 + ring.p_count();
    return {level, {RnsPoly(ring.n(), limbs, zeroed), RnsPoly(ring.n(), limbs, zeroed)}};
}

RaisedPair lift(const Ring& ring, const std::array<const RnsPoly*, 2>& parts, std::size_t level) {
    RaisedPair pair = raised_pair(ring, level, true);
    parallel_for(0, 2 * (level + 1), [&](std::size_t task) {
        const std::size_t part = task % 2;
        const std::size_t limb = task / 2;
        kernels().multiply_scalar(pair.parts[part].limb(limb), parts[part]->limb(limb),
                                  ring.p_mod(limb), ring.n(), ring.modulus(limb));
    });
    return pair;
}

RnsPoly mod_down(const Ring& ring, RnsPoly raised, std::size_t level, bool rescale) {
    const std::size_t kept = kept_limbs(level, rescale);
    const std::size_t limbs = level + 1 + ring.p_count();
    std::vector<const std::uint64_t*> dropped;
    for (std::size_t limb = kept; limb < limbs; ++limb) {
        dropped.push_back(raised.limb(limb));
    }
    parallel_for(kept, limbs, [&](std::size_t limb) {
        ring.inverse(raised.limb(limb), ring.prime_of_limb(limb, level));
    });
    RnsPoly result = std::move(remainders(ring, level, rescale, {&dropped, 1}).front());
    parallel_for(0, kept, [&](std::size_t limb) {
        divide_limb(ring, level, rescale, limb, raised.limb(limb), result.limb(limb));
    });
    return result;
}

std::vector<RnsPoly> mod_down(const Ring& ring, RaisedPair pair, bool rescale) {
    std::vector<RnsPoly> parts;
    parts.reserve(2);
    for (RnsPoly& part : pair.parts) {
        parts.push_back(mod_down(ring, std::move(part), pair.level, rescale));
    }
    return parts;
}

void rotate_raised(const Ring& ring, const Decomposition& digits, const RnsPoly& c0,
                   const SwitchingKey& key, RaisedPair& out, bool add) {
    rotate_limbs(
        ring, digits, key, out, add, [](std::size_t) {},
        [&](std::size_t limb, std::uint64_t* part) {
            if (limb <= digits.level) {
                kernels().multiply_scalar_add(part, c0.limb(limb), ring.p_mod(limb), ring.n(),
                                              ring.modulus(limb));
            }
        });
}

void rotate_raised_pair(const Ring& ring, const RnsPoly& c0, RnsPoly c1, const SwitchingKey& key,
                        RaisedPair& out, bool add) {
    const std::size_t level = out.level;
    const RnsPoly lowered = mod_down(ring, std::move(c1), level, false);
    Decomposition digits = raise(ring, lowered, level);
    rotate_limbs(
        ring, digits, key, out, add, [&](std::size_t limb) { transform_limb(ring, digits, limb); },
        [&](std::size_t limb, std::uint64_t* part) {
            kernels().add(part, part, c0.limb(limb), ring.n(),
                          ring.modulus(ring.prime_of_limb(limb, level)));
        });
}

SumAndDifference add_and_subtract(const Ring& ring, const RaisedPair& a, const SwitchingKey& key) {
    const std::size_t limbs = a.level + 1 + ring.p_count();
    SumAndDifference result{raised_pair(ring, a.level), raised_pair(ring, a.level)};
    rotate_raised_pair(ring, a.parts[0], a.parts[1].copy(), key, result.difference, false);
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
    rotate_raised_pair(ring, a.parts[0], a.parts[1].copy(), key, a, true);
    return a;
}

}  // namespace cipherfit
