// What the transforms of this instruction set share: the factors of a pass.
#pragma once

#include "math/kernels/avx2/lanes.h"

namespace cipherfit::avx2 {

// Groups whose factors are made at a time, and their factors: those of the stage with half as many
// groups, and of the other one. Made four at a time, as a division for each would take longer than
// the butterflies of a small group.
constexpr std::size_t batch = 32;
struct PassFactors {
    alignas(32) double outer[batch], outer_ratios[batch];
    alignas(32) double inner[2 * batch], inner_ratios[2 * batch];
};

static inline void set_factors(double* values, double* ratios, const std::uint64_t* roots,
                               std::size_t count, const Field& field) {
    for (std::size_t i = 0; i < count; i += 4) {
        const auto* p = reinterpret_cast<const Words*>(roots + i);
        const Factor factors = make_factors(_mm256_loadu_si256(p), field);
        _mm256_store_pd(values + i, factors.value);
        _mm256_store_pd(ratios + i, factors.ratio);
    }
}

// For the groups [group, group + count) of the stage m. m <= n / 16: the table has the up to 3
// roots more that are read.
static inline void set_factors(PassFactors& factors, const std::uint64_t* roots, std::size_t m,
                               std::size_t group, std::size_t count, const Field& field) {
    set_factors(factors.outer, factors.outer_ratios, roots + m + group, count, field);
    set_factors(factors.inner, factors.inner_ratios, roots + 2 * (m + group), 2 * count, field);
}

static inline Factor outer_factor(const PassFactors& factors, std::size_t group) {
    return {splat(factors.outer[group]), splat(factors.outer_ratios[group])};
}
static inline Factor inner_factor(const PassFactors& factors, std::size_t group) {
    return {splat(factors.inner[group]), splat(factors.inner_ratios[group])};
}

// Two roots as r0 r0 r1 r1.
static inline Words load_two(const std::uint64_t* roots) {
    const Lanes two = _mm256_broadcast_pd(reinterpret_cast<const __m128d*>(roots));
    return _mm256_castpd_si256(_mm256_permute_pd(two, 0xc));
}

}  // namespace cipherfit::avx2
