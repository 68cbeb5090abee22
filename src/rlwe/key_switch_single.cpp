#include "rlwe/key_switch_single.h"

#include "cipherfit/base/parallel.h"
#include "rlwe/key_switch_steps.h"

#include <cstdint>
#include <cstring>
#include <utility>

namespace cipherfit {
namespace {

// One limb of a polynomial that is given by its coefficients modulo q_0, centred: NTT values.
void raise_limb(const Ring& ring, const std::uint64_t* coefficients, std::size_t prime,
                std::uint64_t* out) {
    if (prime == 0) {
        std::memcpy(out, coefficients, ring.n() * sizeof(std::uint64_t));
    } else {
        kernels().switch_modulus(out, coefficients, ring.n(), ring.modulus(0), ring.modulus(prime));
    }
    ring.forward(out, prime);
}

void copy_coefficients(const Ring& ring, const RnsPoly& values, std::uint64_t* out) {
    std::memcpy(out, values.limb(0), ring.n() * sizeof(std::uint64_t));
    ring.inverse(out, 0);
}

}  // namespace

LowestPair switch_single(const Ring& ring, const RnsPoly& c0, const RnsPoly& c1,
                         const SwitchingKey& key) {
    const std::size_t n = ring.n();
    const std::size_t special = ring.q_count();
    const Modulus& q = ring.modulus(0);
    const Modulus& p = ring.modulus(special);
    RnsPoly raised(n, 2);  // c_1's coefficients, and their values modulo p_0
    copy_coefficients(ring, c1, raised.limb(0));
    raise_limb(ring, raised.limb(0), special, raised.limb(1));
    const std::array<const std::uint64_t*, 2> digit{c1.limb(0), raised.limb(1)};

    const ShoupFactor p_inverse = shoup_factor(inverse_mod(reduce(p.value, q), q), q);
    LowestPair result;
    parallel_for(0, 2, [&](std::size_t part) {
        const std::vector<RnsPoly>& half = part == 0 ? key.b : key.a;
        RnsPoly product(n, 2);
        for (const std::size_t limb : {0U, 1U}) {
            const std::size_t prime = ring.prime_of_limb(limb, 0);
            multiply_half({&digit.at(limb), 1}, half, limb, {0, n}, ring.modulus(prime),
                          product.limb(limb));
            ring.inverse(product.limb(limb), prime);
        }
        // ModDown, of coefficients: the result is to be raised.
        RnsPoly quotient(n, 1);
        kernels().switch_modulus(quotient.limb(0), product.limb(1), n, p, q);
        kernels().subtract_multiply_scalar(quotient.limb(0), product.limb(0), quotient.limb(0),
                                           p_inverse, n, q);
        if (part == 0) {
            copy_coefficients(ring, c0, product.limb(0));
            kernels().add(quotient.limb(0), quotient.limb(0), product.limb(0), n, q);
        }
        result.at(part) = std::move(quotient);
    });
    return result;
}

RaisedPair switch_single_raised(const Ring& ring, const LowestPair& pair, const SwitchingKey& key,
                                std::size_t level) {
    const std::size_t n = ring.n();
    RaisedPair result = raised_pair(ring, level);
    parallel_for(0, level + 1 + ring.p_count(), [&](std::size_t limb) {
        const std::size_t prime = ring.prime_of_limb(limb, level);
        const Modulus& q = ring.modulus(prime);
        RnsPoly work(n, 1);
        raise_limb(ring, pair[1].limb(0), prime, work.limb(0));
        const std::uint64_t* const digit = work.limb(0);
        for_blocks(n, [&](std::size_t offset, std::size_t size) {
            for (std::size_t part = 0; part < 2; ++part) {
                multiply_half({&digit, 1}, part == 0 ? key.b : key.a, limb_of_key(key, limb, level),
                              {offset, size}, q, result.parts[part].limb(limb) + offset);
            }
        });
        if (limb <= level) {
            raise_limb(ring, pair[0].limb(0), prime, work.limb(0));
            kernels().multiply_scalar_add(result.parts[0].limb(limb), work.limb(0),
                                          ring.p_mod(limb), n, q);
        }
    });
    return result;
}

}  // namespace cipherfit
