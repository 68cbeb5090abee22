#include "ckks/bootstrap/raised_rotation.h"

#include "cipherfit/base/parallel.h"

#include <algorithm>
#include <array>
#include <utility>

namespace cipherfit {
namespace {

// Words of a limb whose products are summed for both parts before the next ones are touched: the
// digits are read from the first-level cache the second time.
constexpr std::size_t product_block = 1024;
constexpr std::size_t most_digits = 128;

// The digits' limbs that raise() has left as coefficients become NTT values.
void transform_limb(const Ring& ring, Decomposition& digits, std::size_t limb) {
    for (std::size_t digit = 0; digit < digits.raised.size(); ++digit) {
        const std::size_t first = digit * ring.digit_size();
        const std::size_t last = std::min(first + ring.digit_size(), digits.level + 1);
        if (limb < first || limb >= last) {
            ring.forward(digits.raised[digit].limb(limb < first ? limb : limb - (last - first)),
                         ring.prime_of_limb(limb, digits.level));
        }
    }
}

// One limb of both parts of the digits' inner product with the key.
void multiply_limb(const Ring& ring, const Decomposition& digits, const SwitchingKey& key,
                   std::size_t limb, RnsPoly& out) {
    // A key of a higher level has its special limbs further back.
    const std::size_t key_limb = limb <= digits.level ? limb : limb + (key.level - digits.level);
    const Modulus& q = ring.modulus(ring.prime_of_limb(limb, digits.level));
    const std::size_t count = digits.limbs.size();
    const std::size_t block = std::min(product_block, ring.n());
    std::array<const std::uint64_t*, most_digits> left{};
    std::array<const std::uint64_t*, most_digits> right{};
    for (std::size_t offset = 0; offset < ring.n(); offset += block) {
        for (std::size_t digit = 0; digit < count; ++digit) {
            left[digit] = digits.limbs[digit][limb] + offset;
        }
        for (std::size_t part = 0; part < 2; ++part) {
            for (std::size_t digit = 0; digit < count; ++digit) {
                right[digit] = (part == 0 ? key.b : key.a)[digit].limb(key_limb) + offset;
            }
            kernels().multiply_accumulate(out.limb(part) + offset, left.data(), right.data(), count,
                                          false, block, q);
        }
    }
}

// Both functions of the header. prepare(limb) is called before a limb's products, and
// add_c0(limb, part_0) after them; `digits` may be what prepare() completes.
template <class Prepare, class AddC0>
void rotate_limbs(const Ring& ring, const Decomposition& digits, const SwitchingKey& key,
                  RaisedPair& out, bool add, const Prepare& prepare, const AddC0& add_c0) {
    const std::size_t n = ring.n();
    const Permutation& permutation = ring.permutation(galois_element(key.id, ring.log_n()));
    parallel_for(0, digits.level + 1 + ring.p_count(), [&](std::size_t limb) {
        RnsPoly work(n, 3);
        prepare(limb);
        multiply_limb(ring, digits, key, limb, work);
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

Ciphertext sum_of_automorphisms(const EvaluationKeys& keys, const Ciphertext& a,
                                std::span<const KeyId> ids) {
    const Ring& ring = keys.parameters().ring();
    const Decomposition digits = decompose(ring, a.part(1), a.level());
    RaisedPair sum = lift(ring, a);
    for (const KeyId id : ids) {
        rotate_raised(ring, digits, a.part(0), keys.get(id, a.level()), sum, true);
    }
    return lower(ring, std::move(sum), a.scale(), false);
}

Ciphertext conjugate(const EvaluationKeys& keys, const Ciphertext& a) {
    const Ring& ring = keys.parameters().ring();
    const Permutation& permutation =
        ring.permutation(galois_element(KeyId::conjugation(), ring.log_n()));
    Decomposition digits = raise(ring, a.part(1), a.level());
    return {switch_key(ring, digits,
                       {.key = &keys.get(KeyId::conjugation(), a.level()),
                        .added = {&a.part(0), nullptr},
                        .permutation = &permutation}),
            a.info()};
}

}  // namespace cipherfit
