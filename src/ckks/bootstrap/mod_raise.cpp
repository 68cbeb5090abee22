#include "ckks/bootstrap/mod_raise.h"

#include "cipherfit/base/error.h"
#include "cipherfit/base/parallel.h"
#include "ckks/bootstrap/raised_ciphertext.h"
#include "rlwe/ring.h"

#include <array>
#include <cstring>
#include <utility>

namespace cipherfit {
namespace {

// The ciphertext under the sparse secret, coefficients modulo q_0.
std::array<RnsPoly, 2> encapsulate(const Ring& ring, const Ciphertext& a, const SwitchingKey& key) {
    const std::size_t n = ring.n();
    const std::size_t special = ring.q_count();
    const Modulus& q = ring.modulus(0);
    const Modulus& p = ring.modulus(special);
    // The only digit: c_1 itself, modulo q_0 and, centred, modulo p_0.
    RnsPoly digit(n, 2);
    std::memcpy(digit.limb(0), a.part(1).limb(0), n * sizeof(std::uint64_t));
    ring.inverse(digit.limb(0), 0);
    kernels().switch_modulus(digit.limb(1), digit.limb(0), n, q, p);
    ring.forward(digit.limb(1), special);

    const ShoupFactor p_inverse = shoup_factor(inverse_mod(reduce(p.value, q), q), q);
    std::array<RnsPoly, 2> parts;
    parallel_for(0, 2, [&](std::size_t part) {
        const RnsPoly& half = part == 0 ? key.b[0] : key.a[0];
        RnsPoly work(n, 2);
        kernels().multiply(work.limb(0), a.part(1).limb(0), half.limb(0), n, q);
        kernels().multiply(work.limb(1), digit.limb(1), half.limb(1), n, p);
        // Divided by p_0, rounded.
        ring.inverse(work.limb(0), 0);
        ring.inverse(work.limb(1), special);
        RnsPoly result(n, 1);
        kernels().switch_modulus(result.limb(0), work.limb(1), n, p, q);
        kernels().subtract_multiply_scalar(result.limb(0), work.limb(0), result.limb(0), p_inverse,
                                           n, q);
        if (part == 0) {
            std::memcpy(work.limb(0), a.part(0).limb(0), n * sizeof(std::uint64_t));
            ring.inverse(work.limb(0), 0);
            kernels().add(result.limb(0), result.limb(0), work.limb(0), n, q);
        }
        parts[part] = std::move(result);
    });
    return parts;
}

}  // namespace

Ciphertext mod_raise(const EvaluationKeys& keys, const Ciphertext& a, std::size_t level) {
    require(a.level() == 0 && a.size() == 2, ErrorCode::level_mismatch,
            "only a ciphertext of 2 parts at level 0 can be raised, this has {} at level {}",
            a.size(), a.level());
    const Ring& ring = keys.parameters().ring();
    const std::size_t n = ring.n();
    const SwitchingKey& release = keys.get(KeyId::sparse_release(), level);
    const auto sparse = encapsulate(ring, a, keys.get(KeyId::sparse_encapsulation(), 0));

    const std::size_t limbs = level + 1 + ring.p_count();
    RaisedPair pair{level, {RnsPoly(n, limbs), RnsPoly(n, limbs)}};
    const Modulus& q0 = ring.modulus(0);
    parallel_for(0, limbs, [&](std::size_t limb) {
        const std::size_t prime = ring.prime_of_limb(limb, level);
        const std::size_t key_limb = limb <= level ? limb : limb + (release.level - level);
        const Modulus& q = ring.modulus(prime);
        const auto raise = [&](std::uint64_t* out, const RnsPoly& coefficients) {
            if (prime == 0) {
                std::memcpy(out, coefficients.limb(0), n * sizeof(std::uint64_t));
            } else {
                kernels().switch_modulus(out, coefficients.limb(0), n, q0, q);
            }
            ring.forward(out, prime);
        };
        RnsPoly work(n, 1);
        raise(work.limb(0), sparse[1]);
        kernels().multiply(pair.parts[0].limb(limb), work.limb(0), release.b[0].limb(key_limb), n,
                           q);
        kernels().multiply(pair.parts[1].limb(limb), work.limb(0), release.a[0].limb(key_limb), n,
                           q);
        if (limb <= level) {
            raise(work.limb(0), sparse[0]);
            kernels().multiply_scalar_add(pair.parts[0].limb(limb), work.limb(0), ring.p_mod(limb),
                                          n, q);
        }
    });
    return lower(ring, std::move(pair), a.scale(), false);
}

}  // namespace cipherfit
