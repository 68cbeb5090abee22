// The forward transform: Cooley-Tukey butterflies, three stages a pass, the last six or seven
// stages in registers. A block that fits the first-level cache goes through all its passes before
// the next block is touched.
//
// Lazy ranges: a butterfly (x, y) -> (x + w y, x - w y + 2q) takes any y < 2^52 and lets x grow by
// 2q. Below 2^49 there is room for 8q: x is brought below 2q before every third stage. Below 2^50
// there is room for 4q: it is brought below 2q before every stage.
#include "math/kernels/ifma/kernels.h"
#include "math/kernels/ifma/lanes.h"

namespace cipherfit::ifma {
namespace {

// Words of a block that is transformed at one go: 32 KiB.
constexpr std::size_t cached_words = 4096;

enum class Range { eight_q, four_q };

struct Plan {
    const std::uint64_t* roots;
    const std::uint64_t* quotients;
    std::size_t n;
    Field field;
    Lanes interleave_low, interleave_high;
};

// Whether stage `stage` of a pass must reduce its x. The transform's first stages meet values in
// [0, q), which grow to 7q in three stages and to 3q in one.
constexpr bool reduces(Range range, bool first_pass, unsigned stage) {
    return range == Range::four_q ? !(first_pass && stage == 0)
                                  : stage % 3 == 0 && !(first_pass && stage == 0);
}

inline void butterfly(Lanes& x, Lanes& y, Factor w, const Field& field, bool reduce) {
    if (reduce) {
        x = reduce_lazy(x, field);
    }
    const Lanes sum = add_product(x, y, w, field);
    y = subtract(add_low(field.two_q, x, splat(2)), sum);  // one multiplication for two sums
    x = sum;
}

inline Factor factor_at(const Plan& plan, std::size_t at) {
    return {splat(plan.roots[at]), splat(plan.quotients[at] >> 12U)};
}

// The factors of `depth` stages below group `at` of the first one, in the order of the stages.
template <unsigned depth>
inline void load_factors(Factor* factors, const Plan& plan, std::size_t at) {
#pragma GCC unroll 4
    for (unsigned stage = 0; stage < depth; ++stage) {
        const std::size_t blocks = std::size_t{1} << stage;
#pragma GCC unroll 8
        for (std::size_t block = 0; block < blocks; ++block) {
            factors[blocks - 1 + block] = factor_at(plan, (at << stage) + block);
        }
    }
}

// `depth` stages on 2^depth vectors.
template <unsigned depth, Range range, bool first_pass>
inline void stages(Lanes* x, const Factor* factors, const Field& field) {
#pragma GCC unroll 4
    for (unsigned stage = 0; stage < depth; ++stage) {
        const std::size_t half = std::size_t{1} << (depth - 1 - stage);
        const std::size_t blocks = std::size_t{1} << stage;
#pragma GCC unroll 8
        for (std::size_t block = 0; block < blocks; ++block) {
#pragma GCC unroll 8
            for (std::size_t i = 0; i < half; ++i) {
                butterfly(x[2 * half * block + i], x[2 * half * block + half + i],
                          factors[blocks - 1 + block], field, reduces(range, first_pass, stage));
            }
        }
    }
}

// `depth` stages from the one with m groups on, for the groups [begin, end), 2^depth t words each.
template <unsigned depth, Range range, bool first_pass>
void pass(std::uint64_t* values, const Plan& plan, std::size_t m, std::size_t begin,
          std::size_t end) {
    constexpr std::size_t width = std::size_t{1} << depth;
    const std::size_t t = plan.n / (m * width);
    const Field field = plan.field;
    for (std::size_t group = begin; group < end; ++group) {
        Factor factors[width - 1];
        load_factors<depth>(factors, plan, m + group);
        std::uint64_t* at = values + group * width * t;
        for (std::size_t j = 0; j < t; j += 8, at += 8) {
            Lanes x[width];
#pragma GCC unroll 8
            for (std::size_t i = 0; i < width; ++i) {
                x[i] = load(at + i * t);
            }
            stages<depth, range, first_pass>(x, factors, field);
#pragma GCC unroll 8
            for (std::size_t i = 0; i < width; ++i) {
                store(at + i * t, x[i]);
            }
        }
    }
}

template <Range range>
void three_stages(std::uint64_t* values, const Plan& plan, std::size_t m, std::size_t begin,
                  std::size_t end) {
    if (m == 1) {
        pass<3, range, true>(values, plan, m, begin, end);
    } else {
        pass<3, range, false>(values, plan, m, begin, end);
    }
}

inline Factor as_factor(Lanes value, Lanes quotient) {
    return {value, _mm512_srli_epi64(quotient, 12)};
}
// One factor a lane, in the order of the groups: 2, 4 or 8 groups, over and over.
inline Factor pair_factors(const Plan& plan, std::size_t at) {
    const auto repeat = [](const std::uint64_t* p) {
        return _mm512_broadcast_i64x2(_mm_load_si128(reinterpret_cast<const __m128i*>(p)));
    };
    return as_factor(repeat(plan.roots + at), repeat(plan.quotients + at));
}
inline Factor quad_factors(const Plan& plan, std::size_t at) {
    const auto repeat = [](const std::uint64_t* p) {
        return _mm512_broadcast_i64x4(_mm256_load_si256(reinterpret_cast<const __m256i*>(p)));
    };
    return as_factor(repeat(plan.roots + at), repeat(plan.quotients + at));
}
inline Factor full_factors(const Plan& plan, std::size_t at) {
    return as_factor(load(plan.roots + at), load(plan.quotients + at));
}

inline void interleave(Lanes& x, Lanes& y, const Plan& plan) {
    const Lanes low = _mm512_permutex2var_epi64(x, plan.interleave_low, y);
    y = _mm512_permutex2var_epi64(x, plan.interleave_high, y);
    x = low;
}

// The stages of 8, 4 and 2 words a group on the 16 words x, y from `word` on. Interleaving brings
// the partners into the same lane of the two vectors and leaves lane l in group l mod 2, l mod 4
// and l; once more, and the words are back in their order.
template <Range range, unsigned stage>
inline void last_stages(Lanes& x, Lanes& y, const Plan& plan, std::size_t word) {
    const std::size_t n = plan.n;
    interleave(x, y, plan);
    butterfly(x, y, pair_factors(plan, (n + word) / 8), plan.field, reduces(range, false, stage));
    interleave(x, y, plan);
    butterfly(x, y, quad_factors(plan, (n + word) / 4), plan.field,
              reduces(range, false, stage + 1));
    interleave(x, y, plan);
    butterfly(x, y, full_factors(plan, (n + word) / 2), plan.field,
              reduces(range, false, stage + 2));
    interleave(x, y, plan);
}

// The last depth + 3 stages for the groups [begin, end) of 2^depth vectors.
template <unsigned depth, Range range>
void last_pass(std::uint64_t* values, const Plan& plan, std::size_t begin, std::size_t end) {
    constexpr std::size_t width = std::size_t{1} << depth;
    const std::size_t m = plan.n / (8 * width);
    for (std::size_t group = begin; group < end; ++group) {
        Factor factors[width - 1];
        load_factors<depth>(factors, plan, m + group);
        const std::size_t word = group * 8 * width;
        Lanes x[width];
#pragma GCC unroll 16
        for (std::size_t i = 0; i < width; ++i) {
            x[i] = load(values + word + 8 * i);
        }
        stages<depth, range, false>(x, factors, plan.field);
#pragma GCC unroll 8
        for (std::size_t i = 0; i < width; i += 2) {
            last_stages<range, depth>(x[i], x[i + 1], plan, word + 8 * i);
            store(values + word + 8 * i, finish(reduce_lazy(x[i], plan.field), plan.field));
            store(values + word + 8 * i + 8, finish(reduce_lazy(x[i + 1], plan.field), plan.field));
        }
    }
}

// All stages from the one with m groups on, for one group.
template <unsigned last_depth, Range range>
void transform(std::uint64_t* values, const Plan& plan, std::size_t m, std::size_t group) {
    constexpr std::size_t last_words = std::size_t{8} << last_depth;
    if (plan.n / m > cached_words) {
        three_stages<range>(values, plan, m, group, group + 1);
        for (std::size_t child = 8 * group; child < 8 * (group + 1); ++child) {
            transform<last_depth, range>(values, plan, 8 * m, child);
        }
        return;
    }
    std::size_t end = group + 1;
    for (; plan.n / m > last_words; m *= 8, group *= 8, end *= 8) {
        three_stages<range>(values, plan, m, group, end);
    }
    last_pass<last_depth, range>(values, plan, group, end);
}

template <Range range>
void forward(std::uint64_t* values, const Plan& plan, unsigned log_n) {
    // log_n - 6 stages go before the last pass of six, or log_n - 7 before one of seven: three a
    // pass, and two in the first one if they do not divide.
    if (log_n == 4) {
        last_pass<1, range>(values, plan, 0, 1);
    } else if (log_n == 5) {
        last_pass<2, range>(values, plan, 0, 1);
    } else if (log_n % 3 == 0) {
        transform<3, range>(values, plan, 1, 0);
    } else if (log_n % 3 == 1) {
        transform<4, range>(values, plan, 1, 0);
    } else {
        pass<2, range, true>(values, plan, 1, 0, 1);
        for (std::size_t group = 0; group < 4; ++group) {
            transform<3, range>(values, plan, 4, group);
        }
    }
}

}  // namespace

void ntt_forward(std::uint64_t* values, const NttTables& tables) noexcept {
    const Plan plan = {tables.roots(),
                       tables.root_quotients(),
                       std::size_t{1} << tables.log_n(),
                       make_field(tables.modulus()),
                       _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11),
                       _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15)};
    if (tables.modulus().value >> 49U == 0) {
        forward<Range::eight_q>(values, plan, tables.log_n());
    } else {
        forward<Range::four_q>(values, plan, tables.log_n());
    }
}

}  // namespace cipherfit::ifma
