// The inverse transform: Gentleman-Sande butterflies on doubles, the passes of ntt_forward.cpp in
// reverse; N^-1 is folded into the last stage.
//
// Lazy ranges: a butterfly (x, y) -> (x + y, w (x - y)) takes |x|, |y| <= q, so that the
// difference is at most 2q < 2^51; the product is at most q, the sum 2q. In a pair of stages the
// sums of the first one are brought to q/2, and their sum is at most q again; the sum of its
// products, up to 2q, is brought to q/2 too. (q/2 stands for barely more than that.)
#include "math/kernels/avx2/kernels.h"
#include "math/kernels/avx2/lanes.h"

namespace cipherfit::avx2 {
namespace {

// Words of a block that is transformed at one go: 32 KiB.
constexpr std::size_t cached_words = 4096;

struct Plan {
    const std::uint64_t* roots;
    std::size_t n;
    Field field;
    Factor inverse_n, inverse_n_root;
};

template <bool reduce>
inline void butterfly(Lanes& x, Lanes& y, Factor w, const Field& field) {
    const Lanes difference = _mm256_sub_pd(x, y);
    x = _mm256_add_pd(x, y);
    if constexpr (reduce) {
        x = reduce_lazy(x, field);
    }
    y = multiply_lazy(difference, w, field);
}

// The transform's last stage: products of at most 3/4 q, to residues.
inline void last_butterfly(std::uint64_t* x_at, std::uint64_t* y_at, Lanes x, Lanes y,
                           const Plan& plan) {
    const Lanes sum = _mm256_add_pd(x, y);
    const Lanes difference = _mm256_sub_pd(x, y);
    store_words(x_at, finish(multiply_lazy(sum, plan.inverse_n, plan.field), plan.field));
    store_words(y_at,
                finish(multiply_lazy(difference, plan.inverse_n_root, plan.field), plan.field));
}

// Stages 2m and m on four vectors, t words apart; `last` where m = 1.
template <bool last>
inline void two_stages(std::uint64_t* x, std::size_t t, Lanes a, Lanes b, Lanes c, Lanes d,
                       Factor outer, Factor left, Factor right, const Plan& plan) {
    butterfly<true>(a, b, left, plan.field);
    butterfly<true>(c, d, right, plan.field);
    if constexpr (last) {
        last_butterfly(x, x + 2 * t, a, c, plan);
        last_butterfly(x + t, x + 3 * t, b, d, plan);
    } else {
        butterfly<false>(a, c, outer, plan.field);
        butterfly<true>(b, d, outer, plan.field);
        store_lanes(x, a);
        store_lanes(x + t, b);
        store_lanes(x + 2 * t, c);
        store_lanes(x + 3 * t, d);
    }
}

// Stages 2m and m for the groups [begin, end), 4t words each.
template <bool last>
void pass(std::uint64_t* values, const Plan& plan, std::size_t m, std::size_t begin,
          std::size_t end) {
    const std::size_t t = plan.n / (4 * m);
    const Plan local = plan;
    for (std::size_t group = begin; group < end; ++group) {
        const std::size_t at = m + group;
        const Factor outer = make_factor(local.roots[at], local.field);
        const Factor left = make_factor(local.roots[2 * at], local.field);
        const Factor right = make_factor(local.roots[2 * at + 1], local.field);
        std::uint64_t* x = values + 4 * t * group;
        for (std::size_t j = 0; j < t; j += 4, x += 4) {
            two_stages<last>(x, t, load_lanes(x), load_lanes(x + t), load_lanes(x + 2 * t),
                             load_lanes(x + 3 * t), outer, left, right, local);
        }
    }
}

// Factors of several groups in one vector. The ratio is rounded twice here: products reach q.
inline Factor as_factor(Words words, const Field& field) {
    const Lanes value = to_lanes(words);
    return {value, _mm256_mul_pd(value, field.inverse)};
}

// The stages of 2 and 4 words a group on the 8 words x, y from `word` on: the way back of
// last_stages in ntt_forward.cpp.
inline void first_stages(Lanes& x, Lanes& y, const Plan& plan, std::size_t word) {
    const Field& field = plan.field;
    const std::uint64_t* pair = plan.roots + (plan.n + word) / 4;
    const std::uint64_t* quad = plan.roots + (plan.n + word) / 2;
    const __m128i two = _mm_load_si128(reinterpret_cast<const __m128i*>(pair));
    const Words doubled = _mm256_permute4x64_epi64(_mm256_castsi128_si256(two), 0x50);

    Lanes low = _mm256_permute2f128_pd(x, y, 0x20);   // x0 x1 y0 y1
    Lanes high = _mm256_permute2f128_pd(x, y, 0x31);  // x2 x3 y2 y3
    Lanes even = _mm256_unpacklo_pd(low, high);       // x0 x2 y0 y2
    Lanes odd = _mm256_unpackhi_pd(low, high);        // x1 x3 y1 y3
    butterfly<true>(even, odd, as_factor(load_words(quad), field), field);
    low = _mm256_unpacklo_pd(even, odd);
    high = _mm256_unpackhi_pd(even, odd);
    butterfly<true>(low, high, as_factor(doubled, field), field);
    x = _mm256_permute2f128_pd(low, high, 0x20);
    y = _mm256_permute2f128_pd(low, high, 0x31);
}

// The first three stages for the groups [begin, end) of 8 words.
void first_three_stages(std::uint64_t* values, const Plan& plan, std::size_t begin,
                        std::size_t end) {
    const Plan local = plan;
    for (std::size_t group = begin; group < end; ++group) {
        const std::size_t word = 8 * group;
        Lanes a = load(values + word);
        Lanes b = load(values + word + 4);
        first_stages(a, b, local, word);
        const Factor w = make_factor(local.roots[local.n / 8 + group], local.field);
        butterfly<true>(a, b, w, local.field);
        store_lanes(values + word, a);
        store_lanes(values + word + 4, b);
    }
}

// The first four stages for the groups [begin, end) of 16 words; `last` where there are no others.
template <bool last>
void first_four_stages(std::uint64_t* values, const Plan& plan, std::size_t begin,
                       std::size_t end) {
    const Plan local = plan;
    for (std::size_t group = begin; group < end; ++group) {
        std::uint64_t* x = values + 16 * group;
        const std::size_t at = local.n / 16 + group;
        Lanes a = load(x);
        Lanes b = load(x + 4);
        Lanes c = load(x + 8);
        Lanes d = load(x + 12);
        first_stages(a, b, local, 16 * group);
        first_stages(c, d, local, 16 * group + 8);
        two_stages<last>(x, 4, a, b, c, d, make_factor(local.roots[at], local.field),
                         make_factor(local.roots[2 * at], local.field),
                         make_factor(local.roots[2 * at + 1], local.field), local);
    }
}

// All stages down to the one with m groups, for one group, where `first_words` is 8 or 16: an even
// number of stages comes after the first pass.
void transform(std::uint64_t* values, const Plan& plan, std::size_t m, std::size_t group,
               std::size_t first_words) {
    std::size_t inner = 4 * m;
    std::size_t groups = 4;
    if (plan.n / m > cached_words) {
        for (std::size_t child = 4 * group; child < 4 * (group + 1); ++child) {
            transform(values, plan, inner, child, first_words);
        }
    } else {
        for (inner = m, groups = 1; plan.n / inner > first_words; inner *= 4) {
            groups *= 4;
        }
        if (first_words == 8) {
            first_three_stages(values, plan, group * groups, (group + 1) * groups);
        } else if (inner > 1) {
            first_four_stages<false>(values, plan, group * groups, (group + 1) * groups);
        } else {
            first_four_stages<true>(values, plan, 0, 1);
        }
    }
    while (inner > m) {
        inner /= 4;
        groups /= 4;
        if (inner > 1) {
            pass<false>(values, plan, inner, group * groups, (group + 1) * groups);
        } else {
            pass<true>(values, plan, 1, 0, 1);
        }
    }
}

}  // namespace

void ntt_inverse(std::uint64_t* values, const NttTables& tables) noexcept {
    const Field field = make_field(tables.modulus());
    const Plan plan = {tables.inverse_roots(), std::size_t{1} << tables.log_n(), field,
                       make_factor(tables.inverse_n().value, field),
                       make_factor(tables.inverse_n_root().value, field)};
    transform(values, plan, 1, 0, tables.log_n() % 2 == 0 ? 16 : 8);
}

}  // namespace cipherfit::avx2
