// The inverse transform: Gentleman-Sande butterflies on doubles, the passes of ntt_forward.cpp in
// reverse; N^-1 is folded into the last stage.
//
// Lazy ranges: a butterfly (x, y) -> (x + y, w (x - y)) takes |x|, |y| <= q, so that the
// difference is at most 2q < 2^51; the product is at most q, the sum 2q. In a pair of stages the
// sums of the first one are brought to q/2, and their sum is at most q again; the sum of its
// products, up to 2q, is brought to q/2 too. (q/2 stands for barely more than that.)
#include "math/kernels/avx2/kernels.h"
#include "math/kernels/avx2/ntt_factors.h"

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

// Stages 2m and m for `count` groups from x on, 4t words each.
template <bool last>
inline void pass_groups(std::uint64_t* x, std::size_t t, std::size_t count,
                        const PassFactors& factors, const Plan& plan) {
    for (std::size_t group = 0; group < count; ++group, x += 3 * t) {
        const Factor outer = outer_factor(factors, group);
        const Factor left = inner_factor(factors, 2 * group);
        const Factor right = inner_factor(factors, 2 * group + 1);
        for (std::size_t j = 0; j < t; j += 4, x += 4) {
            two_stages<last>(x, t, load_lanes(x), load_lanes(x + t), load_lanes(x + 2 * t),
                             load_lanes(x + 3 * t), outer, left, right, plan);
        }
    }
}

// Stages 2m and m for the groups [begin, end).
void pass(std::uint64_t* values, const Plan& plan, std::size_t m, std::size_t begin,
          std::size_t end) {
    const std::size_t t = plan.n / (4 * m);
    const Plan local = plan;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): written before they are read
    PassFactors factors;
    for (std::size_t group = begin; group < end; group += batch) {
        const std::size_t count = smaller(batch, end - group);
        set_factors(factors, local.roots, m, group, count, local.field);
        std::uint64_t* x = values + 4 * t * group;
        if (m == 1) {
            pass_groups<true>(x, t, count, factors, local);
        } else if (t == 4) {
            pass_groups<false>(x, 4, count, factors, local);
        } else {
            pass_groups<false>(x, t, count, factors, local);
        }
    }
}

// The first stages, of 2, 4 and 8 words a group, as loops of their own over runs of words: see
// last_stages() in ntt_forward.cpp.
constexpr std::size_t run = 256;

// The stage of 2 words a group, from residues. Leaves words 0 and 1 of two groups in a vector, then
// words 2 and 3.
inline void stage_of_2(std::uint64_t* x, std::size_t count, const std::uint64_t* roots,
                       const Field& field) {
    for (std::size_t i = 0; i < count; i += 16, roots += 8) {
        const Lanes a = load(x + i);
        const Lanes b = load(x + i + 4);
        const Lanes c = load(x + i + 8);
        const Lanes d = load(x + i + 12);
        const Lanes low0 = _mm256_permute2f128_pd(a, b, 0x20);   // a0 a1 b0 b1
        const Lanes high0 = _mm256_permute2f128_pd(a, b, 0x31);  // a2 a3 b2 b3
        const Lanes low1 = _mm256_permute2f128_pd(c, d, 0x20);
        const Lanes high1 = _mm256_permute2f128_pd(c, d, 0x31);
        Lanes even0 = _mm256_unpacklo_pd(low0, high0);  // a0 a2 b0 b2
        Lanes odd0 = _mm256_unpackhi_pd(low0, high0);   // a1 a3 b1 b3
        Lanes even1 = _mm256_unpacklo_pd(low1, high1);
        Lanes odd1 = _mm256_unpackhi_pd(low1, high1);
        butterfly<true>(even0, odd0, make_rough_factors(load_words(roots), field), field);
        butterfly<true>(even1, odd1, make_rough_factors(load_words(roots + 4), field), field);
        store_lanes(x + i, _mm256_unpacklo_pd(even0, odd0));      // a0 a1 b0 b1
        store_lanes(x + i + 4, _mm256_unpackhi_pd(even0, odd0));  // a2 a3 b2 b3
        store_lanes(x + i + 8, _mm256_unpacklo_pd(even1, odd1));
        store_lanes(x + i + 12, _mm256_unpackhi_pd(even1, odd1));
    }
}

// The stage of 4 words a group, from that order.
inline void stage_of_4(std::uint64_t* x, std::size_t count, const std::uint64_t* roots,
                       const Field& field) {
    for (std::size_t i = 0; i < count; i += 16, roots += 4) {
        Lanes low0 = load_lanes(x + i);
        Lanes high0 = load_lanes(x + i + 4);
        Lanes low1 = load_lanes(x + i + 8);
        Lanes high1 = load_lanes(x + i + 12);
        butterfly<true>(low0, high0, make_rough_factors(load_two(roots), field), field);
        butterfly<true>(low1, high1, make_rough_factors(load_two(roots + 2), field), field);
        store_lanes(x + i, _mm256_permute2f128_pd(low0, high0, 0x20));
        store_lanes(x + i + 4, _mm256_permute2f128_pd(low0, high0, 0x31));
        store_lanes(x + i + 8, _mm256_permute2f128_pd(low1, high1, 0x20));
        store_lanes(x + i + 12, _mm256_permute2f128_pd(low1, high1, 0x31));
    }
}

inline void stage_of_8(std::uint64_t* x, std::size_t count, const std::uint64_t* roots,
                       const Field& field) {
    for (std::size_t i = 0; i < count; i += 16, roots += 2) {
        Lanes a = load_lanes(x + i);
        Lanes b = load_lanes(x + i + 4);
        Lanes c = load_lanes(x + i + 8);
        Lanes d = load_lanes(x + i + 12);
        butterfly<true>(a, b, make_factors(splat_words(roots[0]), field), field);
        butterfly<true>(c, d, make_factors(splat_words(roots[1]), field), field);
        store_lanes(x + i, a);
        store_lanes(x + i + 4, b);
        store_lanes(x + i + 8, c);
        store_lanes(x + i + 12, d);
    }
}

// The first stages, up to that of `size` = 4 or 8 words a group, for the words [begin, end).
void first_stages(std::uint64_t* values, const Plan& plan, std::size_t size, std::size_t begin,
                  std::size_t end) {
    const Field field = plan.field;
    for (std::size_t start = begin; start < end; start += run) {
        const std::size_t count = smaller(run, end - start);
        const std::uint64_t* roots = plan.roots;
        std::uint64_t* x = values + start;
        stage_of_2(x, count, roots + (plan.n + start) / 2, field);
        stage_of_4(x, count, roots + (plan.n + start) / 4, field);
        if (size == 8) {
            stage_of_8(x, count, roots + (plan.n + start) / 8, field);
        }
    }
}

// All stages down to the one with m groups, for one group.
void transform(std::uint64_t* values, const Plan& plan, std::size_t m, std::size_t group) {
    if (plan.n / m > cached_words) {
        for (std::size_t child = 4 * group; child < 4 * (group + 1); ++child) {
            transform(values, plan, 4 * m, child);
        }
        pass(values, plan, m, group, group + 1);
        return;
    }
    std::size_t inner = m;
    std::size_t groups = 1;
    for (; plan.n / inner > 8; inner *= 4) {
        groups *= 4;
    }
    const std::size_t size = plan.n / inner;
    first_stages(values, plan, size, size * group * groups, size * (group + 1) * groups);
    while (inner > m) {
        inner /= 4;
        groups /= 4;
        pass(values, plan, inner, group * groups, (group + 1) * groups);
    }
}

}  // namespace

void ntt_inverse(std::uint64_t* values, const NttTables& tables) noexcept {
    const Field field = make_field(tables.modulus());
    const Plan plan = {tables.inverse_roots(), std::size_t{1} << tables.log_n(), field,
                       make_factor(tables.inverse_n().value, field),
                       make_factor(tables.inverse_n_root().value, field)};
    transform(values, plan, 1, 0);
}

}  // namespace cipherfit::avx2
