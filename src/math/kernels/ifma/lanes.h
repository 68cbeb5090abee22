// Eight lanes of residues in AVX-512 registers, multiplied by the 52-bit multiplier (IFMA).
//
// The multiplier reads only the low 52 bits of a lane, and everything is computed modulo 2^52: a
// lane whose upper 12 bits may hold anything is called dirty here. "Value" means the low 52 bits.
//
// Everything has internal linkage: what is compiled for this instruction set must not be merged by
// the linker with copies that other files use.
#pragma once

#include "math/modulus.h"

#include <cstddef>
#include <cstdint>

// g++ 12 takes the deliberately undefined vectors inside its own header for mistakes.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

namespace cipherfit::ifma {

using Lanes = __m512i;

static inline Lanes load(const std::uint64_t* p) {
    return _mm512_load_si512(p);
}
static inline void store(std::uint64_t* p, Lanes x) {
    _mm512_store_si512(p, x);
}
static inline Lanes splat(std::uint64_t x) {
    return _mm512_set1_epi64(static_cast<long long>(x));
}
static inline Lanes zero() {
    return _mm512_setzero_si512();
}
static inline Lanes add(Lanes a, Lanes b) {
    return _mm512_add_epi64(a, b);
}
static inline Lanes subtract(Lanes a, Lanes b) {
    return _mm512_sub_epi64(a, b);
}
// sum + floor(a b / 2^52), and sum + (a b mod 2^52).
static inline Lanes add_high(Lanes sum, Lanes a, Lanes b) {
    return _mm512_madd52hi_epu64(sum, a, b);
}
static inline Lanes add_low(Lanes sum, Lanes a, Lanes b) {
    return _mm512_madd52lo_epu64(sum, a, b);
}
// x - bound if x >= bound, else x: unsigned differences that wrap are larger than any value.
static inline Lanes subtract_once(Lanes x, Lanes bound) {
    return _mm512_min_epu64(x, subtract(x, bound));
}
// The value of a dirty lane.
static inline Lanes clean(Lanes x) {
    return _mm512_and_si512(x, splat((std::uint64_t{1} << 52U) - 1));
}

// A fixed multiplicand w < q in all lanes, with floor(w 2^52 / q).
struct Factor {
    Lanes value, quotient;
};

static inline Factor splat_factor(const ShoupFactor& w) {
    return {splat(w.value), splat(w.quotient >> 12U)};
}

// The constants of one modulus.
struct Field {
    Lanes q, two_q;
    Lanes minus_q;  // 2^52 - q
    Lanes inverse;  // floor(2^52 / q)
};

static inline Field make_field(const Modulus& q) {
    return {splat(q.value), splat(2 * q.value), splat((std::uint64_t{1} << 52U) - q.value),
            splat((std::uint64_t{1} << 52U) / q.value)};
}

// sum + t, dirty, with t = a w mod q in [0, 2q), for any value a < 2^52 (Shoup's product).
static inline Lanes add_product(Lanes sum, Lanes a, Factor w, const Field& field) {
    const Lanes quotient = add_high(zero(), a, w.quotient);
    return add_low(add_low(sum, a, w.value), quotient, field.minus_q);
}

// A lane in [0, 2q), dirty, for any value x < 2^52: the quotient floor(x floor(2^52/q) / 2^52) is
// short by x / 2^52 + 1 < 2, hence by one at most.
static inline Lanes reduce_lazy(Lanes x, const Field& field) {
    return add_low(x, add_high(zero(), x, field.inverse), field.minus_q);
}

// The clean lane in [0, q) of a dirty one in [0, 2q).
static inline Lanes finish(Lanes x, const Field& field) {
    return subtract_once(clean(x), field.q);
}

// a w mod q in [0, q), for any value a < 2^52.
static inline Lanes multiply(Lanes a, Factor w, const Field& field) {
    return finish(add_product(zero(), a, w, field), field);
}

}  // namespace cipherfit::ifma
