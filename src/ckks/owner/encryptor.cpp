#include "cipherfit/ckks/owner/encryptor.h"

#include "cipherfit/base/parallel.h"
#include "rlwe/owner/sampling.h"
#include "rlwe/ring.h"
#include "rlwe/uniform.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace cipherfit {
namespace {

void check_level(const Parameters& parameters, std::size_t level) {
    require(level <= parameters.max_level(), ErrorCode::invalid_argument,
            "the message's level {} is above the parameters' {}", level, parameters.max_level());
}

// A fresh error polynomial, NTT values at `level`.
RnsPoly error_poly(SecretSampler& sampler, const Ring& ring, std::size_t level) {
    SecretVector<std::int8_t> error(ring.n());
    sampler.gaussian(error.span());
    return small_to_ntt(ring, error.span(), level + 1, level);
}

}  // namespace

SeededCiphertext encrypt_seeded(const SecretKey& key, const Plaintext& plaintext) {
    const Parameters& parameters = key.parameters();
    check_level(parameters, plaintext.level());
    const Ring& ring = parameters.ring();
    const std::size_t n = ring.n();
    SecretSampler sampler;
    SeededCiphertext result{error_poly(sampler, ring, plaintext.level()),
                            random_seed(),
                            {plaintext.level(), plaintext.scale()}};
    parallel_for(0, plaintext.level() + 1, [&](std::size_t i) {
        const Modulus& q = ring.modulus(i);
        std::uint64_t* c0 = result.c0.limb(i);
        RnsPoly mask(n, 1);
        const WipeGuard guard(mask);
        expand_uniform(mask.limb(0), n, result.seed, uniform_stream(0, i), q);
        kernels().multiply(mask.limb(0), mask.limb(0), key.ntt().limb(i), n, q);
        kernels().subtract(c0, c0, mask.limb(0), n, q);
        kernels().add(c0, c0, plaintext.poly().limb(i), n, q);
    });
    return result;
}

Ciphertext encrypt(const SecretKey& key, const Plaintext& plaintext) {
    return expand(encrypt_seeded(key, plaintext), key.parameters());
}

Ciphertext encrypt(const PublicKey& key, const Plaintext& plaintext) {
    check_level(key.parameters, plaintext.level());
    const Ring& ring = key.parameters.ring();
    const std::size_t n = ring.n();
    const std::size_t limbs = plaintext.level() + 1;
    SecretSampler sampler;
    SecretVector<std::int8_t> ternary(n);
    sampler.ternary(ternary.span());
    RnsPoly u = small_to_ntt(ring, ternary.span(), limbs, plaintext.level());
    const WipeGuard u_guard(u);
    std::vector<RnsPoly> parts;
    parts.push_back(error_poly(sampler, ring, plaintext.level()));
    parts.push_back(error_poly(sampler, ring, plaintext.level()));
    parallel_for(0, limbs, [&](std::size_t i) {
        const Modulus& q = ring.modulus(i);
        RnsPoly product(n, 1);
        const WipeGuard guard(product);
        kernels().multiply(product.limb(0), key.b.limb(i), u.limb(i), n, q);
        kernels().add(parts[0].limb(i), parts[0].limb(i), product.limb(0), n, q);
        kernels().add(parts[0].limb(i), parts[0].limb(i), plaintext.poly().limb(i), n, q);
        kernels().multiply(product.limb(0), key.a.limb(i), u.limb(i), n, q);
        kernels().add(parts[1].limb(i), parts[1].limb(i), product.limb(0), n, q);
    });
    return {std::move(parts), {plaintext.level(), plaintext.scale()}};
}

Plaintext decrypt(const SecretKey& key, const Ciphertext& ciphertext) {
    const Parameters& parameters = key.parameters();
    check_level(parameters, ciphertext.level());
    const Ring& ring = parameters.ring();
    const std::size_t n = ring.n();
    const std::size_t level = std::min<std::size_t>(ciphertext.level(), 1);
    RnsPoly message = ciphertext.part(0).copy(level + 1);
    parallel_for(0, level + 1, [&](std::size_t i) {
        const Modulus& q = ring.modulus(i);
        const std::uint64_t* secret = key.ntt().limb(i);
        // Horner in s, so that no power of the secret is stored.
        RnsPoly sum(n, 1, true);
        const WipeGuard guard(sum);
        for (std::size_t part = ciphertext.size() - 1; part > 0; --part) {
            kernels().add(sum.limb(0), sum.limb(0), ciphertext.part(part).limb(i), n, q);
            kernels().multiply(sum.limb(0), sum.limb(0), secret, n, q);
        }
        kernels().add(message.limb(i), message.limb(i), sum.limb(0), n, q);
    });
    return {std::move(message), {level, ciphertext.scale()}};
}

}  // namespace cipherfit
