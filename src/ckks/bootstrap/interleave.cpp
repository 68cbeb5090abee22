#include "ckks/bootstrap/interleave.h"

#include "cipherfit/base/error.h"
#include "cipherfit/base/parallel.h"
#include "ckks/bootstrap/imaginary_unit.h"

#include <bit>
#include <optional>

namespace cipherfit {

Ciphertext multiply_by_power(const Ring& ring, const Ciphertext& a, std::size_t power) {
    const std::size_t n = ring.n();
    require(power < 2 * n, ErrorCode::invalid_argument, "X^{} is no power below X^{}", power,
            2 * n);
    if (power == 0) {
        return a.copy();
    }
    std::vector<RnsPoly> parts;
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

Ciphertext interleave(const Evaluator& evaluator, const std::vector<Ciphertext>& blocks,
                      std::size_t period, std::size_t count) {
    const Ring& ring = evaluator.parameters().ring();
    require(std::has_single_bit(count) && !blocks.empty() && blocks.size() <= count &&
                period * count <= ring.n() / 2,
            ErrorCode::invalid_argument, "{} messages of {} slots cannot be {} in {} slots",
            blocks.size(), period, count, ring.n() / 2);
    const std::size_t power = ring.n() / (2 * period * count);
    Ciphertext joined = blocks[0].copy();
    for (std::size_t b = 1; b < blocks.size(); ++b) {
        evaluator.add_inplace(joined, multiply_by_power(ring, blocks[b], b * power));
    }
    return joined;
}

std::vector<Ciphertext> take_apart(const Evaluator& evaluator, Ciphertext joined,
                                   std::size_t period, std::size_t count, std::size_t blocks) {
    std::vector<Ciphertext> result;
    if (count == 1) {
        result.push_back(std::move(joined));
        return result;
    }
    const Ring& ring = evaluator.parameters().ring();
    const std::size_t power = ring.n() / (2 * period * count);
    const Ciphertext turned =
        evaluator.rotate(joined, static_cast<std::int64_t>(period * count / 2));
    const std::size_t odd_blocks = blocks / 2;
    std::vector<Ciphertext> odd;
    if (odd_blocks > 0) {
        // Z^-1 = X^(2N - power), as X^(2N) = 1.
        odd = take_apart(
            evaluator,
            multiply_by_power(ring, evaluator.subtract(joined, turned), 2 * ring.n() - power),
            period, count / 2, odd_blocks);
    }
    evaluator.add_inplace(joined, turned);
    std::vector<Ciphertext> even =
        take_apart(evaluator, std::move(joined), period, count / 2, blocks - odd_blocks);
    for (std::size_t b = 0; b < blocks; ++b) {
        result.push_back(std::move(b % 2 == 0 ? even[b / 2] : odd[b / 2]));
    }
    return result;
}

KeyRequest take_apart_keys(std::size_t slots, std::size_t period, std::size_t count,
                           std::size_t level) {
    KeyRequest request;
    for (; count > 1; count /= 2) {
        request.rotation(static_cast<std::int64_t>(period * count / 2), slots, level);
    }
    return request;
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
