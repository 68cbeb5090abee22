#include "rlwe/ring.h"

#include "cipherfit/base/error.h"
#include "cipherfit/base/parallel.h"

#include <algorithm>

namespace cipherfit {
namespace {

std::uint32_t reverse_bits(std::uint32_t value, unsigned bits) noexcept {
    std::uint32_t result = 0;
    for (unsigned i = 0; i < bits; ++i) {
        result = (result << 1U) | ((value >> i) & 1U);
    }
    return result;
}

}  // namespace

std::shared_ptr<const Ring> Ring::create(unsigned log_n, std::span<const std::uint64_t> q,
                                         std::span<const std::uint64_t> p, std::size_t digit_size) {
    std::shared_ptr<Ring> ring(new Ring);
    ring->log_n_ = log_n;
    ring->q_count_ = q.size();
    ring->digit_size_ = digit_size;
    for (const auto& primes : {q, p}) {
        for (const std::uint64_t prime : primes) {
            ring->tables_.push_back(NttTables::create(Modulus::create(prime), log_n));
        }
    }
    for (std::size_t i = 0; i < q.size(); ++i) {
        const Modulus& modulus = ring->modulus(i);
        std::uint64_t product = 1;
        for (const std::uint64_t prime : p) {
            product = multiply_mod(product, reduce(prime, modulus), modulus);
        }
        ring->p_mod_.push_back(shoup_factor(product, modulus));
        ring->p_inverse_.push_back(shoup_factor(inverse_mod(product, modulus), modulus));
    }
    ring->levels_.resize(q.size());
    parallel_for(0, q.size(),
                 [&](std::size_t level) { ring->levels_[level] = ring->make_level(level); });
    return ring;
}

Ring::Level Ring::make_level(std::size_t level) const {
    Level result;
    std::vector<Modulus> q_moduli;
    std::vector<Modulus> p_moduli;
    q_moduli.reserve(level + 1);
    p_moduli.reserve(p_count());
    for (std::size_t i = 0; i <= level; ++i) {
        q_moduli.push_back(modulus(i));
    }
    for (std::size_t i = 0; i < p_count(); ++i) {
        p_moduli.push_back(modulus(q_count_ + i));
    }
    for (std::size_t i = 0; i < level; ++i) {
        const Modulus& q = modulus(i);
        const std::uint64_t inverse = inverse_mod(reduce(modulus(level).value, q), q);
        result.q_inverse.push_back(shoup_factor(inverse, q));
        result.pq_inverse.push_back(shoup_factor(multiply_mod(inverse, p_inverse_[i].value, q), q));
    }
    for (std::size_t digit = 0; digit < digits_at(level); ++digit) {
        const std::size_t first = digit * digit_size_;
        const std::size_t last = std::min(first + digit_size_, level + 1);
        std::vector<Modulus> targets;
        for (std::size_t i = 0; i <= level; ++i) {
            if (i < first || i >= last) {
                targets.push_back(q_moduli[i]);
            }
        }
        targets.insert(targets.end(), p_moduli.begin(), p_moduli.end());
        result.mod_up.push_back(
            BaseConversion::create(std::span(q_moduli).subspan(first, last - first), targets));
    }
    result.mod_down.push_back(BaseConversion::create(p_moduli, q_moduli));
    if (level > 0) {
        std::vector<Modulus> sources{q_moduli.back()};
        sources.insert(sources.end(), p_moduli.begin(), p_moduli.end());
        q_moduli.pop_back();
        result.mod_down_rescale.push_back(BaseConversion::create(sources, q_moduli));
    }
    return result;
}

const Permutation& Ring::permutation(std::uint32_t galois_element) const {
    const std::uint32_t mask = (2U << log_n_) - 1;
    require((galois_element & 1U) == 1 && galois_element <= mask, ErrorCode::invalid_argument,
            "a Galois element must be odd and below 2N = {}, got {}", mask + 1, galois_element);
    const std::scoped_lock lock(mutex_);
    auto& entry = permutations_[galois_element];
    if (!entry) {
        // Index i holds the value at psi^e, e = 2 br(i) + 1; X -> X^g reads the one at psi^(g e).
        Permutation permutation(n());
        for (std::uint32_t i = 0; i < n(); ++i) {
            const std::uint32_t exponent = 2 * reverse_bits(i, log_n_) + 1;
            const auto image =
                static_cast<std::uint32_t>((std::uint64_t{exponent} * galois_element) & mask);
            permutation[i] = reverse_bits((image - 1) / 2, log_n_);
        }
        entry = std::make_unique<const Permutation>(std::move(permutation));
    }
    return *entry;
}

}  // namespace cipherfit
