// Element-by-element operations: sums, products, products with a constant, change of modulus.
#include "math/kernels/avx2/kernels.h"
#include "math/kernels/avx2/lanes.h"

namespace cipherfit::avx2 {
namespace {

// x + bound in the lanes where x is negative as a signed word.
inline Words add_if_negative(Words x, Words bound) {
    const Lanes sum = _mm256_castsi256_pd(_mm256_add_epi64(x, bound));
    const Lanes value = _mm256_castsi256_pd(x);
    return _mm256_castpd_si256(_mm256_blendv_pd(value, sum, value));
}

}  // namespace

void add(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b, std::size_t n,
         const Modulus& q) noexcept {
    const Words bound = splat_words(q.value);
#pragma GCC unroll 4
    for (std::size_t i = 0; i < n; i += 4) {
        const Words sum = _mm256_add_epi64(load_words(a + i), load_words(b + i));
        store_words(out + i, add_if_negative(_mm256_sub_epi64(sum, bound), bound));
    }
}

void subtract(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b, std::size_t n,
              const Modulus& q) noexcept {
    const Words bound = splat_words(q.value);
#pragma GCC unroll 4
    for (std::size_t i = 0; i < n; i += 4) {
        const Words difference = _mm256_sub_epi64(load_words(a + i), load_words(b + i));
        store_words(out + i, add_if_negative(difference, bound));
    }
}

void negate(std::uint64_t* out, const std::uint64_t* a, std::size_t n, const Modulus& q) noexcept {
    const Words bound = splat_words(q.value);
#pragma GCC unroll 4
    for (std::size_t i = 0; i < n; i += 4) {
        const Words negative = _mm256_sub_epi64(_mm256_setzero_si256(), load_words(a + i));
        store_words(out + i, add_if_negative(negative, bound));
    }
}

void multiply(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b, std::size_t n,
              const Modulus& q) noexcept {
    const Field field = make_field(q);
#pragma GCC unroll 4
    for (std::size_t i = 0; i < n; i += 4) {
        store_words(out + i, finish(multiply_lazy(load(a + i), load(b + i), field), field));
    }
}

void multiply_scalar(std::uint64_t* out, const std::uint64_t* a, const ShoupFactor& w,
                     std::size_t n, const Modulus& q) noexcept {
    const Field field = make_field(q);
    const Factor factor = make_factor(w.value, field);
#pragma GCC unroll 4
    for (std::size_t i = 0; i < n; i += 4) {
        store_words(out + i, finish(multiply_lazy(load(a + i), factor, field), field));
    }
}

void multiply_scalar_add(std::uint64_t* out, const std::uint64_t* a, const ShoupFactor& w,
                         std::size_t n, const Modulus& q) noexcept {
    const Field field = make_field(q);
    const Factor factor = make_factor(w.value, field);
#pragma GCC unroll 4
    for (std::size_t i = 0; i < n; i += 4) {
        const Lanes product = multiply_lazy(load(a + i), factor, field);
        // [-q, 0) and the product, at most 5/8 q as a < 2^50, leave (-2q, q).
        const Lanes sum = _mm256_add_pd(_mm256_sub_pd(load(out + i), field.q), product);
        store_words(out + i, finish(add_if_negative(sum, field.q), field));
    }
}

void subtract_multiply_scalar(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b,
                              const ShoupFactor& w, std::size_t n, const Modulus& q) noexcept {
    const Field field = make_field(q);
    const Factor factor = make_factor(w.value, field);
#pragma GCC unroll 4
    for (std::size_t i = 0; i < n; i += 4) {
        const Lanes difference = _mm256_sub_pd(load(a + i), load(b + i));
        store_words(out + i, finish(multiply_lazy(difference, factor, field), field));
    }
}

void switch_modulus(std::uint64_t* out, const std::uint64_t* a, std::size_t n,
                    const Modulus& source, const Modulus& q) noexcept {
    const Lanes modulus = make_field(source).q;
    const Lanes half = splat(static_cast<double>(static_cast<std::int64_t>(source.value / 2)));
    const Field field = make_field(q);
#pragma GCC unroll 4
    for (std::size_t i = 0; i < n; i += 4) {
        const Lanes x = load(a + i);
        const Lanes above = _mm256_cmp_pd(x, half, _CMP_GT_OQ);
        const Lanes centred = _mm256_sub_pd(x, _mm256_and_pd(above, modulus));
        store_words(out + i, finish(reduce_lazy(centred, field), field));
    }
}

}  // namespace cipherfit::avx2
