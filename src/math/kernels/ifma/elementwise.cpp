// Element-by-element operations: sums, products, products with a constant, change of modulus.
#include "math/kernels/ifma/kernels.h"
#include "math/kernels/ifma/lanes.h"
#include "math/wide.h"

namespace cipherfit::ifma {

void add(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b, std::size_t n,
         const Modulus& q) noexcept {
    const Lanes bound = splat(q.value);
    for (std::size_t i = 0; i < n; i += 8) {
        store(out + i, subtract_once(add(load(a + i), load(b + i)), bound));
    }
}

void subtract(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b, std::size_t n,
              const Modulus& q) noexcept {
    const Lanes bound = splat(q.value);
    for (std::size_t i = 0; i < n; i += 8) {
        // A negative difference wraps to a large number, and its sum with q is the smaller one.
        const Lanes difference = subtract(load(a + i), load(b + i));
        store(out + i, _mm512_min_epu64(difference, add(difference, bound)));
    }
}

void negate(std::uint64_t* out, const std::uint64_t* a, std::size_t n, const Modulus& q) noexcept {
    const Lanes bound = splat(q.value);
    for (std::size_t i = 0; i < n; i += 8) {
        store(out + i, subtract_once(subtract(bound, load(a + i)), bound));
    }
}

void multiply(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b, std::size_t n,
              const Modulus& q) noexcept {
    // Barrett with s = bits(q): h = floor(a b / 2^s) < 2^s is the upper half of the product of
    // a 2^(52-s) and b, and the quotient is floor(h mu / 2^52) for mu = floor(2^(52+s) / q). As
    // 2^52 <= mu < 2^53, h is multiplied by mu - 2^52 and added once more. The quotient is short by
    // less than mu / 2^52 + h / 2^52 + 1 < 2 + 1/4 + 1, hence by three at most.
    const auto bits = 64U - static_cast<unsigned>(__builtin_clzll(q.value));
    const Wide ratio = (Wide{q.ratio_high} << 64U) | q.ratio_low;
    const Lanes mu = splat(low_word(ratio >> (76U - bits)) - (std::uint64_t{1} << 52U));
    const __m128i shift = _mm_cvtsi32_si128(static_cast<int>(52U - bits));
    const Field field = make_field(q);
    for (std::size_t i = 0; i < n; i += 8) {
        const Lanes x = load(a + i);
        const Lanes y = load(b + i);
        const Lanes high = add_high(zero(), _mm512_sll_epi64(x, shift), y);
        const Lanes quotient = add_high(high, high, mu);
        const Lanes rest = add_low(add_low(zero(), x, y), quotient, field.minus_q);
        store(out + i, subtract_once(subtract_once(clean(rest), field.two_q), field.q));
    }
}

void multiply_scalar(std::uint64_t* out, const std::uint64_t* a, const ShoupFactor& w,
                     std::size_t n, const Modulus& q) noexcept {
    const Field field = make_field(q);
    const Factor factor = splat_factor(w);
    for (std::size_t i = 0; i < n; i += 8) {
        store(out + i, multiply(load(a + i), factor, field));
    }
}

void multiply_scalar_add(std::uint64_t* out, const std::uint64_t* a, const ShoupFactor& w,
                         std::size_t n, const Modulus& q) noexcept {
    const Field field = make_field(q);
    const Factor factor = splat_factor(w);
    for (std::size_t i = 0; i < n; i += 8) {
        const Lanes sum = add_product(load(out + i), load(a + i), factor, field);  // < 3q
        store(out + i, subtract_once(subtract_once(clean(sum), field.two_q), field.q));
    }
}

void subtract_multiply_scalar(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b,
                              const ShoupFactor& w, std::size_t n, const Modulus& q) noexcept {
    const Field field = make_field(q);
    const Factor factor = splat_factor(w);
    for (std::size_t i = 0; i < n; i += 8) {
        const Lanes difference = subtract(add(load(a + i), field.q), load(b + i));
        store(out + i, multiply(difference, factor, field));
    }
}

void permute(std::uint64_t* out, const std::uint64_t* in, const std::uint32_t* index,
             std::size_t n) noexcept {
    // An automorphism takes aligned blocks of values to aligned blocks (ntt.h: a block of eight
    // shares 2 br(i) + 1 modulo N/4), so that all eight words mostly come from one line.
    for (std::size_t i = 0; i < n; i += 8) {
        const __m256i from = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(index + i));
        const std::size_t line = index[i] & ~std::uint32_t{7};
        const __m256i within = _mm256_xor_si256(from, _mm256_set1_epi32(static_cast<int>(line)));
        if (_mm256_cmpgt_epu32_mask(within, _mm256_set1_epi32(7)) == 0) {
            store(out + i,
                  _mm512_permutexvar_epi64(_mm512_cvtepu32_epi64(within), load(in + line)));
        } else {
            store(out + i, _mm512_i32gather_epi64(from, in, 8));
        }
    }
}

void switch_modulus(std::uint64_t* out, const std::uint64_t* a, std::size_t n,
                    const Modulus& source, const Modulus& q) noexcept {
    // a > source/2 stands for a - source: add a multiple of q that is at least source and hence
    // keeps the sum positive, so that one reduction serves both signs.
    const Lanes half = splat(source.value / 2);
    const Lanes offset = splat((source.value / q.value + 1) * q.value - source.value);
    const Field field = make_field(q);
    for (std::size_t i = 0; i < n; i += 8) {
        const Lanes x = load(a + i);
        const Lanes shifted = _mm512_mask_add_epi64(x, _mm512_cmpgt_epu64_mask(x, half), x, offset);
        store(out + i, finish(reduce_lazy(shifted, field), field));
    }
}

}  // namespace cipherfit::ifma
