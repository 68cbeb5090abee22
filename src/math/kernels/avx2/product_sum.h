// Sums of products of integers below 2^50 in doubles, with one reduction for several products.
//
// Products are added to a large constant, whose last place rounds each of them to a multiple of
// 2^50. What that takes off a product, at most 2^49, is one fused multiply-add away, exact, and
// summed apart: four instructions a product.
#pragma once

#include "math/kernels/avx2/lanes.h"

namespace cipherfit::avx2 {

// Where a sum starts, and the constant that rounds its quotient. The sum stays in [2^102, 2^103],
// where doubles are the multiples of 2^50.
struct SumRange {
    double start, rounding;
};
// No product is negative; they and 2^51 add up to at most 2^102 and to less than 2^52 q.
constexpr SumRange positive_products = {0x1p102, 0x1p52};
// Products have either sign; sums are at most 2^101 and, as rounded, at most 2^51 q.
constexpr SumRange signed_products = {0x1.8p102, 0x1.8p52};

struct ProductSum {
    Lanes high, low;
};

static inline void add_product(ProductSum& sum, Lanes a, Lanes b) {
    const Lanes high = _mm256_fmadd_pd(a, b, sum.high);
    const Lanes rest = _mm256_fmadd_pd(a, b, _mm256_sub_pd(sum.high, high));
    sum = {high, _mm256_add_pd(sum.low, rest)};
}

// The sum mod q, for |low| <= 7 2^49 + (q + 1)/2: at most (q + 1)/2. The quotient of the high part
// is off by 1/2 as it is rounded to an integer and by at most 2^52 2^-53 as 1/q is rounded; hence
// |rest| <= q, |total| < 3 2^51, and total / q, below 2^51 as q > 2, is off by 1/2 and by
// |total| / q 2^-53, which is less than 1/q.
static inline Lanes reduce_sum(ProductSum sum, SumRange range, const Field& field) {
    const Lanes base = splat(range.rounding);
    const Lanes high = _mm256_sub_pd(sum.high, splat(range.start));
    const Lanes quotient = _mm256_sub_pd(_mm256_fmadd_pd(high, field.inverse, base), base);
    const Lanes rest = _mm256_fnmadd_pd(quotient, field.q, high);
    return reduce_lazy(_mm256_add_pd(sum.low, rest), field);
}

}  // namespace cipherfit::avx2
