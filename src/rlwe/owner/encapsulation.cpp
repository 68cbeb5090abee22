// The two keys of sparse-secret encapsulation (rlwe/evaluation_keys.h).
#include "cipherfit/base/parallel.h"
#include "cipherfit/rlwe/owner/secret_key.h"
#include "rlwe/owner/sampling.h"
#include "rlwe/ring.h"
#include "rlwe/uniform.h"

#include <utility>

namespace cipherfit {

SeededSwitchingKey KeyGenerator::encapsulation_key(KeyId id, std::size_t level) const {
    const Parameters& parameters = key_.parameters();
    const Ring& ring = parameters.ring();
    const std::size_t n = ring.n();
    const KeyShape shape = key_shape(parameters, id, level);
    const std::size_t limbs = shape.limbs();
    const bool release = id == KeyId::sparse_release();

    SecretVector<std::int8_t> coefficients(n);
    SecretSampler(sparse_seed_).sparse_ternary(coefficients.span(), sparse_weight);
    RnsPoly sparse = small_to_ntt(ring, coefficients.span(), limbs, level);
    const WipeGuard sparse_guard(sparse);

    SecretVector<std::int8_t> error(n);
    SecretSampler().gaussian(error.span());
    SeededSwitchingKey result{.id = id, .level = level, .seed = random_seed(), .b = {}};
    RnsPoly b = small_to_ntt(ring, error.span(), limbs, level);
    parallel_for(0, limbs, [&](std::size_t limb) {
        const std::size_t prime = ring.prime_of_limb(limb, level);
        const Modulus& q = ring.modulus(prime);
        const std::uint64_t* dense = key_.ntt().limb(prime);
        RnsPoly work(n, 1);
        const WipeGuard guard(work);
        expand_uniform(work.limb(0), n, result.seed, uniform_stream(0, prime), q);
        kernels().multiply(work.limb(0), work.limb(0), release ? dense : sparse.limb(limb), n, q);
        kernels().subtract(b.limb(limb), b.limb(limb), work.limb(0), n, q);
        if (limb < shape.q_limbs) {
            const ShoupFactor factor =
                release ? ring.p_mod(limb) : shoup_factor(reduce(parameters.p(0), q), q);
            kernels().multiply_scalar_add(b.limb(limb), release ? sparse.limb(limb) : dense, factor,
                                          n, q);
        }
    });
    result.b.push_back(std::move(b));
    return result;
}

}  // namespace cipherfit
