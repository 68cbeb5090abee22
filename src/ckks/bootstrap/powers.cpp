#include "ckks/bootstrap/powers.h"

#include "cipherfit/base/error.h"
#include "cipherfit/base/parallel.h"
#include "ckks/bootstrap/imaginary_unit.h"

#include <vector>

namespace cipherfit {

Ciphertext multiply_by_power(const Ring& ring, const Ciphertext& a, std::size_t power) {
    const std::size_t n = ring.n();
    require(power < 2 * n, ErrorCode::invalid_argument, "X^{} is no power below X^{}", power,
            2 * n);
    if (power == 0) {
        return a.copy();
    }
    std::vector<RnsPoly> parts;
    parts.reserve(a.size());
    for (std::size_t part = 0; part < a.size(); ++part) {
        parts.emplace_back(n, a.level() + 1);
    }
    parallel_for(0, a.level() + 1, [&](std::size_t limb) {
        const Modulus& q = ring.modulus(limb);
        RnsPoly monomial(n, 1, true);
        monomial.limb(0)[power % n] = power < n ? 1 : q.value - 1;
        ring.forward(monomial.limb(0), limb);
        for (std::size_t part = 0; part < a.size(); ++part) {
            kernels().multiply(parts[part].limb(limb), a.part(part).limb(limb), monomial.limb(0), n,
                               q);
        }
    });
    return {std::move(parts), a.info()};
}

std::pair<Ciphertext, Ciphertext> split_pair(const Evaluator& evaluator, const Ciphertext& both) {
    const Ring& ring = evaluator.parameters().ring();
    const Ciphertext conjugated = evaluator.conjugate(both);
    Ciphertext real = evaluator.add(both, conjugated).with_factor(0.5);
    Ciphertext imaginary =
        evaluator.negate(multiply_by_i(ring, evaluator.subtract(both, conjugated)))
            .with_factor(0.5);
    return {std::move(real), std::move(imaginary)};
}

}  // namespace cipherfit
