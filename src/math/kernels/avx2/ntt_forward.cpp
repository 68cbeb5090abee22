// The forward transform: Cooley-Tukey butterflies on doubles, two stages a pass; the last two or
// three stages work within vectors. A block that fits the first-level cache goes through all its
// passes before the next block is touched. Between passes the words hold the bits of doubles.
//
// Lazy ranges: a butterfly (x, y) -> (x + w y, x - w y) takes |y| <= 2q < 2^51. A pass starts from
// 2q: x is brought to q/2, w y is at most 3/4 q, so that the first stage leaves 5/4 q; the second
// one adds (1/2 + 5/32) q, which makes less than 2q without a reduction.
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
};

// Two butterflies at a time: each keeps the other's waiting times busy.
template <bool reduce>
inline void butterflies(Lanes& x0, Lanes& y0, Factor w0, Lanes& x1, Lanes& y1, Factor w1,
                        const Field& field) {
    if constexpr (reduce) {
        x0 = reduce_lazy(x0, field);
        x1 = reduce_lazy(x1, field);
    }
    const Lanes product0 = multiply_lazy(y0, w0, field);
    const Lanes product1 = multiply_lazy(y1, w1, field);
    y0 = _mm256_sub_pd(x0, product0);
    x0 = _mm256_add_pd(x0, product0);
    y1 = _mm256_sub_pd(x1, product1);
    x1 = _mm256_add_pd(x1, product1);
}

template <bool first>
inline Lanes load_input(const std::uint64_t* p) {
    return first ? load(p) : load_lanes(p);
}

// Stages m and 2m for `count` groups from x on, 4t words each; `first` where the words are
// residues.
template <bool first>
inline void pass_groups(std::uint64_t* x, std::size_t t, std::size_t count,
                        const PassFactors& factors, const Field& field) {
    for (std::size_t group = 0; group < count; ++group, x += 3 * t) {
        const Factor w = outer_factor(factors, group);
        const Factor left = inner_factor(factors, 2 * group);
        const Factor right = inner_factor(factors, 2 * group + 1);
        for (std::size_t j = 0; j < t; j += 4, x += 4) {
            Lanes a = load_input<first>(x);
            Lanes b = load_input<first>(x + t);
            Lanes c = load_input<first>(x + 2 * t);
            Lanes d = load_input<first>(x + 3 * t);
            butterflies<true>(a, c, w, b, d, w, field);
            butterflies<false>(a, b, left, c, d, right, field);
            store_lanes(x, a);
            store_lanes(x + t, b);
            store_lanes(x + 2 * t, c);
            store_lanes(x + 3 * t, d);
        }
    }
}

// Stages m and 2m for the groups [begin, end).
void pass(std::uint64_t* values, const Plan& plan, std::size_t m, std::size_t begin,
          std::size_t end) {
    const std::size_t t = plan.n / (4 * m);
    const Field field = plan.field;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): written before they are read
    PassFactors factors;
    for (std::size_t group = begin; group < end; group += batch) {
        const std::size_t count = smaller(batch, end - group);
        set_factors(factors, plan.roots, m, group, count, field);
        std::uint64_t* x = values + 4 * t * group;
        if (m == 1) {
            pass_groups<true>(x, t, count, factors, field);
        } else if (t == 4) {
            pass_groups<false>(x, 4, count, factors, field);
        } else {
            pass_groups<false>(x, t, count, factors, field);
        }
    }
}

// The last stages, of 8, 4 and 2 words a group, and the reduction to residues are loops of their
// own over runs of words: in one loop the chain of operations that wait for each other is longer
// than what the CPU looks ahead.
constexpr std::size_t run = 256;

// The stage of 8 words a group: x is brought to q/2, the products of up to 2q are at most 3/4 q.
inline void stage_of_8(std::uint64_t* x, std::size_t count, const std::uint64_t* roots,
                       const Field& field) {
    for (std::size_t i = 0; i < count; i += 16, roots += 2) {
        Lanes a = load_lanes(x + i);
        Lanes b = load_lanes(x + i + 4);
        Lanes c = load_lanes(x + i + 8);
        Lanes d = load_lanes(x + i + 12);
        butterflies<true>(a, b, make_factors(splat_words(roots[0]), field), c, d,
                          make_factors(splat_words(roots[1]), field), field);
        store_lanes(x + i, a);
        store_lanes(x + i + 4, b);
        store_lanes(x + i + 8, c);
        store_lanes(x + i + 12, d);
    }
}

// The stage of 4 words a group: from 2q to 3/2 q, the factors being rough. Leaves words 0 and 2 of
// two groups in a vector, then words 1 and 3.
inline void stage_of_4(std::uint64_t* x, std::size_t count, const std::uint64_t* roots,
                       const Field& field) {
    for (std::size_t i = 0; i < count; i += 16, roots += 4) {
        const Lanes a = load_lanes(x + i);
        const Lanes b = load_lanes(x + i + 4);
        const Lanes c = load_lanes(x + i + 8);
        const Lanes d = load_lanes(x + i + 12);
        Lanes low0 = _mm256_permute2f128_pd(a, b, 0x20);   // a0 a1 b0 b1
        Lanes high0 = _mm256_permute2f128_pd(a, b, 0x31);  // a2 a3 b2 b3
        Lanes low1 = _mm256_permute2f128_pd(c, d, 0x20);
        Lanes high1 = _mm256_permute2f128_pd(c, d, 0x31);
        butterflies<true>(low0, high0, make_rough_factors(load_two(roots), field), low1, high1,
                          make_rough_factors(load_two(roots + 2), field), field);
        store_lanes(x + i, _mm256_unpacklo_pd(low0, high0));      // a0 a2 b0 b2
        store_lanes(x + i + 4, _mm256_unpackhi_pd(low0, high0));  // a1 a3 b1 b3
        store_lanes(x + i + 8, _mm256_unpacklo_pd(low1, high1));
        store_lanes(x + i + 12, _mm256_unpackhi_pd(low1, high1));
    }
}

// The stage of 2 words a group, from and to that order: from 3/2 q to less than 5/2 q.
inline void stage_of_2(std::uint64_t* x, std::size_t count, const std::uint64_t* roots,
                       const Field& field) {
    for (std::size_t i = 0; i < count; i += 16, roots += 8) {
        Lanes even0 = load_lanes(x + i);
        Lanes odd0 = load_lanes(x + i + 4);
        Lanes even1 = load_lanes(x + i + 8);
        Lanes odd1 = load_lanes(x + i + 12);
        butterflies<false>(even0, odd0, make_rough_factors(load_words(roots), field), even1, odd1,
                           make_rough_factors(load_words(roots + 4), field), field);
        const Lanes low0 = _mm256_unpacklo_pd(even0, odd0);   // a0 a1 b0 b1
        const Lanes high0 = _mm256_unpackhi_pd(even0, odd0);  // a2 a3 b2 b3
        const Lanes low1 = _mm256_unpacklo_pd(even1, odd1);
        const Lanes high1 = _mm256_unpackhi_pd(even1, odd1);
        store_lanes(x + i, _mm256_permute2f128_pd(low0, high0, 0x20));
        store_lanes(x + i + 4, _mm256_permute2f128_pd(low0, high0, 0x31));
        store_lanes(x + i + 8, _mm256_permute2f128_pd(low1, high1, 0x20));
        store_lanes(x + i + 12, _mm256_permute2f128_pd(low1, high1, 0x31));
    }
}

// The last stages, from the one of `size` = 4 or 8 words a group, for the words [begin, end).
void last_stages(std::uint64_t* values, const Plan& plan, std::size_t size, std::size_t begin,
                 std::size_t end) {
    const Field field = plan.field;
    for (std::size_t start = begin; start < end; start += run) {
        const std::size_t count = smaller(run, end - start);
        const std::uint64_t* roots = plan.roots;
        std::uint64_t* x = values + start;
        if (size == 8) {
            stage_of_8(x, count, roots + (plan.n + start) / 8, field);
        }
        stage_of_4(x, count, roots + (plan.n + start) / 4, field);
        stage_of_2(x, count, roots + (plan.n + start) / 2, field);
        for (std::size_t i = 0; i < count; i += 4) {
            store_words(x + i, finish(reduce_lazy(load_lanes(x + i), field), field));
        }
    }
}

// All stages from the one with m groups on, for one group.
void transform(std::uint64_t* values, const Plan& plan, std::size_t m, std::size_t group) {
    if (plan.n / m > cached_words) {
        pass(values, plan, m, group, group + 1);
        for (std::size_t child = 4 * group; child < 4 * (group + 1); ++child) {
            transform(values, plan, 4 * m, child);
        }
        return;
    }
    std::size_t end = group + 1;
    for (; plan.n / m > 8; m *= 4, group *= 4, end *= 4) {
        pass(values, plan, m, group, end);
    }
    const std::size_t size = plan.n / m;
    last_stages(values, plan, size, size * group, size * end);
}

}  // namespace

void ntt_forward(std::uint64_t* values, const NttTables& tables) noexcept {
    const Plan plan = {tables.roots(), std::size_t{1} << tables.log_n(),
                       make_field(tables.modulus())};
    transform(values, plan, 1, 0);
}

}  // namespace cipherfit::avx2
