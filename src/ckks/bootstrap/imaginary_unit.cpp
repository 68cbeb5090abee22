#include "ckks/bootstrap/imaginary_unit.h"

#include "cipherfit/base/parallel.h"

#include <utility>
#include <vector>

namespace cipherfit {

Ciphertext multiply_by_i(const Ring& ring, const Ciphertext& a) {
    const std::size_t half = ring.n() / 2;
    std::vector<RnsPoly> parts;
    for (std::size_t part = 0; part < a.size(); ++part) {
        RnsPoly product(ring.n(), a.level() + 1);
        parallel_for(0, a.level() + 1, [&](std::size_t limb) {
            // X^(N/2) at psi^(2 br(i) + 1) is psi^(N/2), the root at index 1, or its negative where
            // br(i) is odd: in the upper half.
            const Modulus& q = ring.modulus(limb);
            const std::uint64_t root = ring.tables(limb).roots()[1];
            const std::uint64_t* in = a.part(part).limb(limb);
            std::uint64_t* out = product.limb(limb);
            kernels().multiply_scalar(out, in, shoup_factor(root, q), half, q);
            kernels().multiply_scalar(out + half, in + half, shoup_factor(q.value - root, q), half,
                                      q);
        });
        parts.push_back(std::move(product));
    }
    return {std::move(parts), a.info()};
}

}  // namespace cipherfit
