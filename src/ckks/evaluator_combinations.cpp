#include "cipherfit/base/parallel.h"
#include "cipherfit/ckks/evaluator.h"
#include "rlwe/ring.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace cipherfit {
namespace {

// Coefficients per pass: the sum of a block stays in the first-level cache while terms are added.
constexpr std::size_t combined_at_once = 2048;

// round(factor * scale / a.scale), the integer that the term is multiplied by.
double integer_factor(const ScaledTerm& term, double scale) {
    const double exact = term.factor * (scale / term.a->scale());
    const double integer = std::nearbyint(exact);
    require(
        std::isfinite(integer) && std::abs(integer - exact) <=
                                      0x1p-20 * std::max(std::abs(exact), scale / term.a->scale()),
        ErrorCode::invalid_argument,
        "cannot multiply by {} from scale 2^{:.2f} to 2^{:.2f}: the factor {} rounds to {}, "
        "use a larger scale and rescale",
        term.factor, std::log2(term.a->scale()), std::log2(scale), exact, integer);
    return integer;
}

}  // namespace

void Evaluator::add_combination_inplace(Ciphertext& a, std::span<const ScaledTerm> terms,
                                        double constant) const {
    require(std::isfinite(constant * a.scale()), ErrorCode::invalid_argument,
            "cannot add {} to a ciphertext of scale 2^{:.2f}", constant, std::log2(a.scale()));
    std::vector<std::pair<const Ciphertext*, double>> factors;
    for (const ScaledTerm& term : terms) {
        require(term.a->level() >= a.level() && term.a->size() == 2, ErrorCode::level_mismatch,
                "cannot add a term of {} parts at level {} to a sum at level {}: terms must have 2 "
                "parts and at least its level",
                term.a->size(), term.a->level(), a.level());
        factors.emplace_back(term.a, integer_factor(term, a.scale()));
    }
    const Ring& ring = parameters().ring();
    const std::size_t n = ring.n();
    const std::size_t block = std::min(combined_at_once, n);
    parallel_for(0, 2 * (a.level() + 1), [&](std::size_t task) {
        const std::size_t part = task % 2;
        const std::size_t limb = task / 2;
        const Modulus& q = ring.modulus(limb);
        std::vector<ShoupFactor> residues;
        residues.reserve(factors.size());
        for (const auto& [term, factor] : factors) {
            residues.push_back(shoup_factor(reduce_double(factor, q), q));
        }
        // A constant polynomial has the same value at every root of unity.
        const std::uint64_t added = part == 0 ? reduce_double(constant * a.scale(), q) : 0;
        for (std::size_t offset = 0; offset < n; offset += block) {
            std::uint64_t* out = a.parts_[part].limb(limb) + offset;
            for (std::size_t i = 0; i < factors.size(); ++i) {
                if (factors[i].second != 0) {
                    kernels().multiply_scalar_add(out,
                                                  factors[i].first->part(part).limb(limb) + offset,
                                                  residues[i], block, q);
                }
            }
            if (added != 0) {
                for (std::size_t i = 0; i < block; ++i) {
                    const std::uint64_t sum = out[i] + added;
                    out[i] = sum >= q.value ? sum - q.value : sum;
                }
            }
        }
    });
}

Ciphertext Evaluator::combination(std::span<const ScaledTerm> terms, double constant, double scale,
                                  std::size_t level) const {
    require(level <= parameters().max_level(), ErrorCode::invalid_argument,
            "there is no level {}: the highest is {}", level, parameters().max_level());
    std::vector<RnsPoly> parts;
    parts.emplace_back(parameters().n(), level + 1, true);
    parts.emplace_back(parameters().n(), level + 1, true);
    Ciphertext result(std::move(parts), {level, scale});
    add_combination_inplace(result, terms, constant);
    return result;
}

}  // namespace cipherfit
