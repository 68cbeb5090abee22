// The forward transform: Cooley-Tukey butterflies on doubles, two stages a pass, the last three or
// four stages in registers. A block that fits the first-level cache goes through all its passes
// before the next block is touched. Between passes the words hold the bits of doubles.
//
// Lazy ranges: a butterfly (x, y) -> (x + w y, x - w y) takes |y| <= 2q < 2^51. A pass starts from
// 2q: x is brought to q/2, w y is at most 3/4 q, so that the first stage leaves 5/4 q; the second
// one adds (1/2 + 5/32) q, which makes less than 2q without a reduction.
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
};

template <bool reduce>
inline void butterfly(Lanes& x, Lanes& y, Factor w, const Field& field) {
    if constexpr (reduce) {
        x = reduce_lazy(x, field);
    }
    const Lanes product = multiply_lazy(y, w, field);
    y = _mm256_sub_pd(x, product);
    x = _mm256_add_pd(x, product);
}

template <bool first>
inline Lanes load_input(const std::uint64_t* p) {
    return first ? load(p) : load_lanes(p);
}

// Stages m and 2m for the groups [begin, end), 4t words each; `first` where the words are residues.
template <bool first>
void pass(std::uint64_t* values, const Plan& plan, std::size_t m, std::size_t begin,
          std::size_t end) {
    const std::size_t t = plan.n / (4 * m);
    const Field field = plan.field;
    for (std::size_t group = begin; group < end; ++group) {
        const std::size_t at = m + group;
        const Factor outer = make_factor(plan.roots[at], field);
        const Factor left = make_factor(plan.roots[2 * at], field);
        const Factor right = make_factor(plan.roots[2 * at + 1], field);
        std::uint64_t* x = values + 4 * t * group;
        for (std::size_t j = 0; j < t; j += 4, x += 4) {
            Lanes a = load_input<first>(x);
            Lanes b = load_input<first>(x + t);
            Lanes c = load_input<first>(x + 2 * t);
            Lanes d = load_input<first>(x + 3 * t);
            butterfly<true>(a, c, outer, field);
            butterfly<true>(b, d, outer, field);
            butterfly<false>(a, b, left, field);
            butterfly<false>(c, d, right, field);
            store_lanes(x, a);
            store_lanes(x + t, b);
            store_lanes(x + 2 * t, c);
            store_lanes(x + 3 * t, d);
        }
    }
}

// Factors of several groups in one vector. The ratio is rounded twice here: products reach q.
inline Factor as_factor(Words words, const Field& field) {
    const Lanes value = to_lanes(words);
    return {value, _mm256_mul_pd(value, field.inverse)};
}

// The stages of 4 and 2 words a group on the 8 words x, y from `word` on: x is brought to q/2
// before each, so that they leave 3/2 q.
inline void last_stages(Lanes& x, Lanes& y, const Plan& plan, std::size_t word) {
    const Field& field = plan.field;
    const std::uint64_t* pair = plan.roots + (plan.n + word) / 4;
    const std::uint64_t* quad = plan.roots + (plan.n + word) / 2;
    const __m128i two = _mm_load_si128(reinterpret_cast<const __m128i*>(pair));
    const Words doubled = _mm256_permute4x64_epi64(_mm256_castsi128_si256(two), 0x50);

    Lanes low = _mm256_permute2f128_pd(x, y, 0x20);   // x0 x1 y0 y1
    Lanes high = _mm256_permute2f128_pd(x, y, 0x31);  // x2 x3 y2 y3
    butterfly<true>(low, high, as_factor(doubled, field), field);
    Lanes even = _mm256_unpacklo_pd(low, high);  // x0 x2 y0 y2
    Lanes odd = _mm256_unpackhi_pd(low, high);   // x1 x3 y1 y3
    butterfly<true>(even, odd, as_factor(load_words(quad), field), field);
    low = _mm256_unpacklo_pd(even, odd);
    high = _mm256_unpackhi_pd(even, odd);
    x = _mm256_permute2f128_pd(low, high, 0x20);
    y = _mm256_permute2f128_pd(low, high, 0x31);
}

inline void store_reduced(std::uint64_t* p, Lanes x, const Field& field) {
    store_words(p, finish(reduce_lazy(x, field), field));
}

// The last three stages for the groups [begin, end) of 8 words.
void last_three_stages(std::uint64_t* values, const Plan& plan, std::size_t begin,
                       std::size_t end) {
    const Plan local = plan;
    for (std::size_t group = begin; group < end; ++group) {
        const std::size_t word = 8 * group;
        Lanes a = load_lanes(values + word);
        Lanes b = load_lanes(values + word + 4);
        const Factor w = make_factor(local.roots[local.n / 8 + group], local.field);
        butterfly<true>(a, b, w, local.field);
        last_stages(a, b, local, word);
        store_reduced(values + word, a, local.field);
        store_reduced(values + word + 4, b, local.field);
    }
}

// The last four stages for the groups [begin, end) of 16 words; `first` where the words are
// residues.
template <bool first>
void last_four_stages(std::uint64_t* values, const Plan& plan, std::size_t begin, std::size_t end) {
    const Plan local = plan;
    const Field field = plan.field;
    for (std::size_t group = begin; group < end; ++group) {
        const std::size_t word = 16 * group;
        const std::size_t at = local.n / 16 + group;
        Lanes a = load_input<first>(values + word);
        Lanes b = load_input<first>(values + word + 4);
        Lanes c = load_input<first>(values + word + 8);
        Lanes d = load_input<first>(values + word + 12);
        const Factor outer = make_factor(local.roots[at], field);
        butterfly<true>(a, c, outer, field);
        butterfly<true>(b, d, outer, field);
        butterfly<false>(a, b, make_factor(local.roots[2 * at], field), field);
        butterfly<false>(c, d, make_factor(local.roots[2 * at + 1], field), field);
        last_stages(a, b, local, word);
        last_stages(c, d, local, word + 8);
        store_reduced(values + word, a, field);
        store_reduced(values + word + 4, b, field);
        store_reduced(values + word + 8, c, field);
        store_reduced(values + word + 12, d, field);
    }
}

void two_stages(std::uint64_t* values, const Plan& plan, std::size_t m, std::size_t begin,
                std::size_t end) {
    if (m == 1) {
        pass<true>(values, plan, m, begin, end);
    } else {
        pass<false>(values, plan, m, begin, end);
    }
}

// All stages from the one with m groups on, for one group, where `last_words` is 8 or 16: an even
// number of stages goes before the last pass.
void transform(std::uint64_t* values, const Plan& plan, std::size_t m, std::size_t group,
               std::size_t last_words) {
    if (plan.n / m > cached_words) {
        two_stages(values, plan, m, group, group + 1);
        for (std::size_t child = 4 * group; child < 4 * (group + 1); ++child) {
            transform(values, plan, 4 * m, child, last_words);
        }
        return;
    }
    std::size_t end = group + 1;
    for (; plan.n / m > last_words; m *= 4, group *= 4, end *= 4) {
        two_stages(values, plan, m, group, end);
    }
    if (last_words == 8) {
        last_three_stages(values, plan, group, end);
    } else if (m == 1) {
        last_four_stages<true>(values, plan, group, end);
    } else {
        last_four_stages<false>(values, plan, group, end);
    }
}

}  // namespace

void ntt_forward(std::uint64_t* values, const NttTables& tables) noexcept {
    const Plan plan = {tables.roots(), std::size_t{1} << tables.log_n(),
                       make_field(tables.modulus())};
    transform(values, plan, 1, 0, tables.log_n() % 2 == 0 ? 16 : 8);
}

}  // namespace cipherfit::avx2
