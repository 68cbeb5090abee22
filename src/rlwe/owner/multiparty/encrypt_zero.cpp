#include "cipherfit/rlwe/owner/multiparty/encrypt_zero.h"

#include "cipherfit/base/parallel.h"
#include "rlwe/owner/sampling.h"
#include "rlwe/ring.h"

#include <utility>

namespace cipherfit {
namespace {

RnsPoly small_poly(SecretSampler& sampler, const Ring& ring, std::size_t level, bool error) {
    SecretVector<std::int8_t> values(ring.n());
    if (error) {
        sampler.gaussian(values.span());
    } else {
        sampler.ternary(values.span());
    }
    return small_to_ntt(ring, values.span(), level + 2, level);
}

// round(x / p_0) modulo q_0..q_level, x modulo Q_level p_0: (x - [x mod p_0]) / p_0.
RnsPoly divided_by_special(const Ring& ring, RnsPoly& x, std::size_t level) {
    const std::size_t special = ring.q_count();
    const Modulus& p = ring.modulus(special);
    std::uint64_t* last = x.limb(level + 1);
    ring.inverse(last, special);
    RnsPoly result(ring.n(), level + 1);
    parallel_for(0, level + 1, [&](std::size_t limb) {
        const Modulus& q = ring.modulus(limb);
        RnsPoly rounding(ring.n(), 1);
        const WipeGuard guard(rounding);
        kernels().switch_modulus(rounding.limb(0), last, ring.n(), p, q);
        ring.forward(rounding.limb(0), limb);
        const ShoupFactor inverse = shoup_factor(inverse_mod(reduce(p.value, q), q), q);
        kernels().subtract_multiply_scalar(result.limb(limb), x.limb(limb), rounding.limb(0),
                                           inverse, ring.n(), q);
    });
    return result;
}

}  // namespace

std::vector<RnsPoly> encrypt_zero(const JointPublicKey& key, std::size_t level) {
    const Ring& ring = key.parameters.ring();
    require(level <= key.parameters.max_level(), ErrorCode::invalid_argument,
            "an encryption at level {} is asked for: the key's highest is {}", level,
            key.parameters.max_level());
    SecretSampler sampler;
    RnsPoly u = small_poly(sampler, ring, level, false);
    const WipeGuard u_guard(u);
    std::vector<RnsPoly> result;
    for (const RnsPoly* half : {&key.b, &key.a}) {
        RnsPoly x = small_poly(sampler, ring, level, true);
        const WipeGuard x_guard(x);
        parallel_for(0, level + 2, [&](std::size_t limb) {
            const std::size_t prime = ring.prime_of_limb(limb, level);
            // The key holds q_0..q_L and then p_0.
            const std::size_t of_key = limb <= level ? limb : half->limbs() - 1;
            RnsPoly product(ring.n(), 1);
            const WipeGuard guard(product);
            kernels().multiply(product.limb(0), half->limb(of_key), u.limb(limb), ring.n(),
                               ring.modulus(prime));
            kernels().add(x.limb(limb), x.limb(limb), product.limb(0), ring.n(),
                          ring.modulus(prime));
        });
        result.push_back(divided_by_special(ring, x, level));
    }
    return result;
}

}  // namespace cipherfit
