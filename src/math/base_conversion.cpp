#include "math/base_conversion.h"

#include "cipherfit/base/error.h"

#include <algorithm>

namespace cipherfit {
namespace {

// The product of all moduli but the one at index `skip`, modulo q.
std::uint64_t product_without(std::span<const Modulus> moduli, std::size_t skip, const Modulus& q) {
    std::uint64_t product = 1;
    for (std::size_t i = 0; i < moduli.size(); ++i) {
        if (i != skip) {
            product = multiply_mod(product, reduce(moduli[i].value, q), q);
        }
    }
    return product;
}

}  // namespace

BaseConversion BaseConversion::create(std::span<const Modulus> sources,
                                      std::span<const Modulus> targets) {
    const std::size_t k = sources.size();
    require(k >= 1 && k <= 64, ErrorCode::invalid_argument,
            "base conversion from {} primes; it takes 1 to 64", k);
    for (std::size_t i = 0; i < k; ++i) {
        require(std::ranges::count(sources, sources[i]) == 1, ErrorCode::invalid_argument,
                "base conversion: the source prime {} occurs twice", sources[i].value);
        require(std::ranges::count(targets, sources[i]) == 0, ErrorCode::invalid_argument,
                "base conversion: the prime {} is both a source and a target; copy that residue "
                "instead",
                sources[i].value);
    }
    BaseConversion conversion;
    conversion.source_moduli_.assign(sources.begin(), sources.end());
    conversion.target_moduli_.assign(targets.begin(), targets.end());
    for (std::size_t i = 0; i < k; ++i) {
        const Modulus& q = sources[i];
        conversion.source_factors_.push_back(
            shoup_factor(inverse_mod(product_without(sources, i, q), q), q));
        conversion.source_inverses_.push_back(1.0 / static_cast<double>(q.value));
    }
    conversion.matrix_.reserve(k * targets.size());
    for (const Modulus& p : targets) {
        for (std::size_t i = 0; i < k; ++i) {
            conversion.matrix_.push_back(product_without(sources, i, p));
        }
        conversion.target_products_.push_back(shoup_factor(product_without(sources, k, p), p));
    }
    return conversion;
}

void BaseConversion::apply(std::uint64_t* const* out, const std::uint64_t* const* in,
                           std::size_t n) const {
    kernels().convert_base(out, in, n, view());
}

BaseConversionView BaseConversion::view() const noexcept {
    BaseConversionView view;
    view.sources = sources();
    view.targets = targets();
    view.source_moduli = source_moduli_.data();
    view.source_factors = source_factors_.data();
    view.source_inverses = source_inverses_.data();
    view.target_moduli = target_moduli_.data();
    view.matrix = matrix_.data();
    view.target_products = target_products_.data();
    return view;
}

}  // namespace cipherfit
