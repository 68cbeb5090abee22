// Four lanes of residues in AVX2 registers, held as doubles: AVX2 multiplies no 64-bit integers,
// but a fused multiply-add yields a product of two 50-bit integers exactly, as the sum of two
// doubles. Lanes are integers of either sign; bounds below are on their absolute values.
//
// Everything has internal linkage: what is compiled for this instruction set must not be merged by
// the linker with copies that other files use.
#pragma once

#include "math/modulus.h"

#include <cstddef>
#include <cstdint>
#include <immintrin.h>

namespace cipherfit::avx2 {

using Words = __m256i;
using Lanes = __m256d;

static inline std::size_t smaller(std::size_t a, std::size_t b) {
    return a < b ? a : b;
}

static inline Words load_words(const std::uint64_t* p) {
    return _mm256_load_si256(reinterpret_cast<const Words*>(p));
}
static inline void store_words(std::uint64_t* p, Words x) {
    _mm256_store_si256(reinterpret_cast<Words*>(p), x);
}
static inline Words splat_words(std::uint64_t x) {
    return _mm256_set1_epi64x(static_cast<long long>(x));
}
static inline Lanes splat(double x) {
    return _mm256_set1_pd(x);
}

// Words that hold the bits of doubles between the passes of a transform.
static inline Lanes load_lanes(const std::uint64_t* p) {
    return _mm256_castsi256_pd(load_words(p));
}
static inline void store_lanes(std::uint64_t* p, Lanes x) {
    store_words(p, _mm256_castpd_si256(x));
}

// Between integers in [0, 2^52) as words and as doubles: the bits of 2^52 + x end in those of x.
static inline Lanes to_lanes(Words x) {
    const Lanes base = splat(0x1p52);
    return _mm256_sub_pd(_mm256_castsi256_pd(_mm256_or_si256(x, _mm256_castpd_si256(base))), base);
}
static inline Words to_words(Lanes x) {
    const Lanes base = splat(0x1p52);
    return _mm256_castpd_si256(_mm256_xor_pd(_mm256_add_pd(x, base), base));
}
static inline Lanes load(const std::uint64_t* p) {
    return to_lanes(load_words(p));
}

// The constants of one modulus.
struct Field {
    Lanes q, inverse;  // q and 1/q
};

static inline Field make_field(const Modulus& q) {
    const auto value = static_cast<double>(static_cast<std::int64_t>(q.value));
    return {splat(value), splat(1.0 / value)};
}

// A fixed multiplicand w < q in all lanes, and w / q rounded once.
struct Factor {
    Lanes value, ratio;
};

static inline Factor make_factor(std::uint64_t w, const Field& field) {
    const Lanes value = splat(static_cast<double>(static_cast<std::int64_t>(w)));
    return {value, _mm256_div_pd(value, field.q)};
}

// Factors of several groups, one a lane. w / q is rounded once, or nearly: its first approximation
// is off by 3/2 2^-53, and the error of the second one before it is rounded is 2^-104.
static inline Factor make_factors(Words w, const Field& field) {
    const Lanes value = to_lanes(w);
    const Lanes ratio = _mm256_mul_pd(value, field.inverse);
    const Lanes rest = _mm256_fnmadd_pd(ratio, field.q, value);
    return {value, _mm256_fmadd_pd(rest, field.inverse, ratio)};
}

// The same with ratios that are rounded twice.
static inline Factor make_rough_factors(Words w, const Field& field) {
    const Lanes value = to_lanes(w);
    return {value, _mm256_mul_pd(value, field.inverse)};
}

// a b rounded to an integer, for |a b| < 2^51: between 2^52 and 2^53 doubles are the integers.
static inline Lanes rounded_product(Lanes a, Lanes b) {
    const Lanes base = splat(0x1.8p52);
    return _mm256_sub_pd(_mm256_fmadd_pd(a, b, base), base);
}

// A product a b as high + low, exactly.
struct Product {
    Lanes high, low;
};

static inline Product exact_product(Lanes a, Lanes b) {
    const Lanes high = _mm256_mul_pd(a, b);
    return {high, _mm256_fmsub_pd(a, b, high)};
}

// The product minus quotient * q: exact, as an integer below 2^53 if the quotient is right to
// within one or two.
static inline Lanes subtract_multiple(Product product, Lanes quotient, const Field& field) {
    return _mm256_add_pd(_mm256_fnmadd_pd(quotient, field.q, product.high), product.low);
}

// a w mod q for |a| <= 2^51. The quotient a ratio is off by |a| 2^-53 as the ratio is rounded, and
// by 1/2 as it is rounded to an integer: the result is at most (1/2 + |a| 2^-53) q <= 3/4 q.
// A ratio that was rounded twice makes that (1/2 + |a| 2^-52) q <= q.
static inline Lanes multiply_lazy(Lanes a, Factor w, const Field& field) {
    return subtract_multiple(exact_product(a, w.value), rounded_product(a, w.ratio), field);
}

// a b mod q for a, b in [0, q): at most 3/4 q, as the quotient is below 2^50 and rounded twice.
static inline Lanes multiply_lazy(Lanes a, Lanes b, const Field& field) {
    const Product product = exact_product(a, b);
    return subtract_multiple(product, rounded_product(product.high, field.inverse), field);
}

// x mod q for |x| <= 2^51: at most (1/2 + |x| / q 2^-52) q, hence at most 3/4 q for |x| < 2^50
// and barely above q/2 for |x| <= 2q.
static inline Lanes reduce_lazy(Lanes x, const Field& field) {
    return _mm256_fnmadd_pd(rounded_product(x, field.inverse), field.q, x);
}

// x + bound in the lanes whose sign is set. Zeros must be +0, which is what sums, products and
// reductions above give: rounding to nearest makes x - x +0, and no operand is -0.
static inline Lanes add_if_negative(Lanes x, Lanes bound) {
    return _mm256_blendv_pd(x, _mm256_add_pd(x, bound), x);
}

// (-q, q) to [0, q).
static inline Lanes make_positive(Lanes x, const Field& field) {
    return add_if_negative(x, field.q);
}

// (-q, q) to words in [0, q).
static inline Words finish(Lanes x, const Field& field) {
    return to_words(make_positive(x, field));
}

}  // namespace cipherfit::avx2
