// Key switching one step at a time, every polynomial whole: what the functions of
// src/rlwe/key_switch.h are held against, bit for bit.
#pragma once

#include "rlwe/key_switch.h"
#include "rlwe/uniform.h"

#include <algorithm>
#include <array>
#include <vector>

namespace cipherfit::test {

inline bool same(const RnsPoly& a, const RnsPoly& b) {
    return a.n() == b.n() && a.limbs() == b.limbs() &&
           std::equal(a.limb(0), a.limb(0) + a.n() * a.limbs(), b.limb(0));
}

// Uniform modulo the first `limbs` limbs of Q_level P; any residues are NTT values of something.
inline RnsPoly uniform_poly(const Ring& ring, std::size_t limbs, std::size_t level,
                            std::uint8_t seed) {
    Seed bytes{};
    bytes.fill(seed);
    RnsPoly poly(ring.n(), limbs);
    for (std::size_t i = 0; i < limbs; ++i) {
        expand_uniform(poly.limb(i), ring.n(), bytes, i,
                       ring.modulus(ring.prime_of_limb(i, level)));
    }
    return poly;
}

// A pair of polynomials modulo Q_l P.
struct RaisedPair {
    std::size_t level = 0;
    std::array<RnsPoly, 2> parts;
};

// sum_d digit_d (b_d, a_d) mod Q_l P, for transformed digits.
inline RaisedPair inner_product(const Ring& ring, const Decomposition& digits,
                                const SwitchingKey& key) {
    const std::size_t limbs = digits.level + 1 + ring.p_count();
    RaisedPair sum{digits.level, {RnsPoly(ring.n(), limbs), RnsPoly(ring.n(), limbs)}};
    for (std::size_t limb = 0; limb < limbs; ++limb) {
        const Modulus& q = ring.modulus(ring.prime_of_limb(limb, digits.level));
        const std::size_t key_limb =
            limb <= digits.level ? limb : limb + (key.level - digits.level);
        for (std::size_t k = 0; k < ring.n(); ++k) {
            std::uint64_t b = 0;
            std::uint64_t a = 0;
            for (std::size_t d = 0; d < digits.limbs.size(); ++d) {
                const std::uint64_t digit = digits.limbs[d][limb][k];
                b = (b + multiply_mod(digit, key.b[d].limb(key_limb)[k], q)) % q.value;
                a = (a + multiply_mod(digit, key.a[d].limb(key_limb)[k], q)) % q.value;
            }
            sum.parts[0].limb(limb)[k] = b;
            sum.parts[1].limb(limb)[k] = a;
        }
    }
    return sum;
}

// raised += P c, c modulo Q_l: what makes mod_down return c + (key switching's part).
inline void add_lifted(const Ring& ring, RnsPoly& raised, const RnsPoly& c, std::size_t level) {
    for (std::size_t i = 0; i <= level; ++i) {
        kernels().multiply_scalar_add(raised.limb(i), c.limb(i), ring.p_mod(i), ring.n(),
                                      ring.modulus(i));
    }
}

// round(x / P), or round(x / (P q_level)) with one limb fewer.
inline RnsPoly mod_down(const Ring& ring, RnsPoly raised, std::size_t level, bool rescale) {
    const std::size_t kept = rescale ? level : level + 1;
    const std::size_t limbs = level + 1 + ring.p_count();
    RnsPoly result(ring.n(), kept);
    std::vector<const std::uint64_t*> in;
    std::vector<std::uint64_t*> out;
    for (std::size_t limb = kept; limb < limbs; ++limb) {
        ring.inverse(raised.limb(limb), ring.prime_of_limb(limb, level));
        in.push_back(raised.limb(limb));
    }
    for (std::size_t i = 0; i < kept; ++i) {
        out.push_back(result.limb(i));
    }
    (rescale ? ring.mod_down_rescale(level) : ring.mod_down(level))
        .apply(out.data(), in.data(), ring.n());
    for (std::size_t i = 0; i < kept; ++i) {
        ring.forward(result.limb(i), i);
        kernels().subtract_multiply_scalar(result.limb(i), raised.limb(i), result.limb(i),
                                           rescale ? ring.pq_inverse(level, i) : ring.p_inverse(i),
                                           ring.n(), ring.modulus(i));
    }
    return result;
}

}  // namespace cipherfit::test
