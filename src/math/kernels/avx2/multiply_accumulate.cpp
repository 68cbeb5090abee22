// The inner product of polynomials.
#include "math/kernels/avx2/kernels.h"
#include "math/kernels/avx2/product_sum.h"

namespace cipherfit::avx2 {
namespace {

// Products between two reductions: below 2^100 each, so that they and 2^51 stay below 2^102.
constexpr std::size_t chunk = 4;
// Words whose sums are kept while chunks of many terms go by: a chunk then reads its 8 arrays one
// after the other, not all arrays in turn, which a cache of 8 ways cannot hold if they are a
// multiple of 4 KiB apart.
constexpr std::size_t block = 512;
constexpr std::size_t unroll = 4;

// sums + the products of `terms` <= chunk terms at the 16 words from `at` on. |sums| <= (q + 1)/2
// or, at first, < q: with 4 2^49 from the products that is in reduce_sum's range.
template <std::size_t terms>
inline void add_terms(Lanes (&sums)[unroll], const std::uint64_t* const* a,
                      const std::uint64_t* const* b, std::size_t at, const Field& field) {
    ProductSum products[unroll];
#pragma GCC unroll 4
    for (std::size_t i = 0; i < unroll; ++i) {
        products[i] = {splat(positive_products.start), sums[i]};
    }
#pragma GCC unroll 4
    for (std::size_t k = 0; k < terms; ++k) {
#pragma GCC unroll 4
        for (std::size_t i = 0; i < unroll; ++i) {
            add_product(products[i], load(a[k] + at + 4 * i), load(b[k] + at + 4 * i));
        }
    }
#pragma GCC unroll 4
    for (std::size_t i = 0; i < unroll; ++i) {
        sums[i] = reduce_sum(products[i], positive_products, field);
    }
}

// out = sum (+ out), for `terms` <= chunk.
template <std::size_t terms>
void multiply_few(std::uint64_t* out, const std::uint64_t* const* a, const std::uint64_t* const* b,
                  bool accumulate, std::size_t n, const Field& modulus) {
    const Field field = modulus;
    const std::uint64_t* left[terms];
    const std::uint64_t* right[terms];
    for (std::size_t k = 0; k < terms; ++k) {
        left[k] = a[k];
        right[k] = b[k];
    }
    for (std::size_t at = 0; at < n; at += 4 * unroll) {
        Lanes sums[unroll];
#pragma GCC unroll 4
        for (std::size_t i = 0; i < unroll; ++i) {
            sums[i] = accumulate ? load(out + at + 4 * i) : _mm256_setzero_pd();
        }
        add_terms<terms>(sums, left, right, at, field);
#pragma GCC unroll 4
        for (std::size_t i = 0; i < unroll; ++i) {
            store_words(out + at + 4 * i, finish(sums[i], field));
        }
    }
}

// sums += products of `terms` terms at the words [start, start + count), as lanes.
template <std::size_t terms>
void add_chunk(std::uint64_t* sums, const std::uint64_t* const* a, const std::uint64_t* const* b,
               std::size_t start, std::size_t count, const Field& modulus) {
    const Field field = modulus;
    for (std::size_t c = 0; c < count; c += 4 * unroll) {
        Lanes lanes[unroll];
#pragma GCC unroll 4
        for (std::size_t i = 0; i < unroll; ++i) {
            lanes[i] = load_lanes(sums + c + 4 * i);
        }
        add_terms<terms>(lanes, a, b, start + c, field);
#pragma GCC unroll 4
        for (std::size_t i = 0; i < unroll; ++i) {
            store_lanes(sums + c + 4 * i, lanes[i]);
        }
    }
}

void multiply_many(std::uint64_t* out, const std::uint64_t* const* a, const std::uint64_t* const* b,
                   std::size_t terms, bool accumulate, std::size_t n, const Field& field) {
    alignas(64) std::uint64_t sums[block];
    for (std::size_t start = 0; start < n; start += block) {
        const std::size_t count = smaller(block, n - start);
        for (std::size_t c = 0; c < count; c += 4) {
            store_lanes(sums + c, accumulate ? load(out + start + c) : _mm256_setzero_pd());
        }
        for (std::size_t k = 0; k < terms; k += chunk) {
            switch (terms - k) {
                case 1:
                    add_chunk<1>(sums, a + k, b + k, start, count, field);
                    break;
                case 2:
                    add_chunk<2>(sums, a + k, b + k, start, count, field);
                    break;
                case 3:
                    add_chunk<3>(sums, a + k, b + k, start, count, field);
                    break;
                default:
                    add_chunk<4>(sums, a + k, b + k, start, count, field);
            }
        }
        for (std::size_t c = 0; c < count; c += 4) {
            store_words(out + start + c, finish(load_lanes(sums + c), field));
        }
    }
}

}  // namespace

void multiply_accumulate(std::uint64_t* out, const std::uint64_t* const* a,
                         const std::uint64_t* const* b, std::size_t terms, bool accumulate,
                         std::size_t n, const Modulus& q) noexcept {
    const Field field = make_field(q);
    switch (terms) {
        case 1:
            return multiply_few<1>(out, a, b, accumulate, n, field);
        case 2:
            return multiply_few<2>(out, a, b, accumulate, n, field);
        case 3:
            return multiply_few<3>(out, a, b, accumulate, n, field);
        case 4:
            return multiply_few<4>(out, a, b, accumulate, n, field);
        default:
            return multiply_many(out, a, b, terms, accumulate, n, field);
    }
}

}  // namespace cipherfit::avx2
