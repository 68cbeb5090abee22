// The inverse transform: Gentleman-Sande butterflies, the passes of ntt_forward.cpp in reverse.
//
// Lazy ranges: a butterfly (x, y) -> (x + y, w (x - y + c)) with a multiple c of q above y leaves
// w (...) below 2q but doubles the bound of the sum. Below 2^50 there is room for 4q: sums are
// brought below 2q after every stage. Below 2^49 there is room for 8q: sums of even stages may stay
// below 4q, and those of odd stages are reduced.
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
    Lanes four_q;
    Lanes even, odd;
    Factor inverse_n, inverse_n_root;
};

// Whether stage `stage`, counted from the transform's first, leaves its sums unreduced.
constexpr bool grows(Range range, unsigned stage) {
    return range == Range::eight_q && stage % 2 == 0;
}

// [0, 2q) to [0, 2q); in eight_q even stages to [0, 4q), odd stages from [0, 4q).
template <Range range>
inline void butterfly(Lanes& x, Lanes& y, Factor w, const Plan& plan, unsigned stage) {
    const bool from_four_q = range == Range::eight_q && stage % 2 != 0;
    const Lanes offset = from_four_q ? plan.four_q : plan.field.two_q;
    const Lanes difference = subtract(add(x, offset), y);
    x = add(x, y);
    if (!grows(range, stage)) {
        x = reduce_lazy(x, plan.field);
    }
    y = add_product(zero(), difference, w, plan.field);
}

// The transform's last stage, from either range to [0, q).
template <Range range>
inline void last_butterfly(Lanes& x, Lanes& y, const Plan& plan) {
    const Lanes offset = range == Range::eight_q ? plan.four_q : plan.field.two_q;
    const Lanes difference = subtract(add(x, offset), y);
    x = multiply(add(x, y), plan.inverse_n, plan.field);
    y = multiply(difference, plan.inverse_n_root, plan.field);
}

inline Factor factor_at(const Plan& plan, std::size_t at) {
    return {splat(plan.roots[at]), splat(plan.quotients[at] >> 12U)};
}

// The factors of `depth` stages below group `at` of the outermost one, outermost first.
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

// `depth` stages on 2^depth vectors, innermost first; that one is number `number` of the
// transform, or of the same parity.
template <unsigned depth, Range range, bool last, unsigned number>
inline void stages(Lanes* x, const Factor* factors, const Plan& plan) {
#pragma GCC unroll 4
    for (unsigned done = 0; done < depth; ++done) {
        const unsigned stage = depth - 1 - done;
        const std::size_t half = std::size_t{1} << (depth - 1 - stage);
        const std::size_t blocks = std::size_t{1} << stage;
#pragma GCC unroll 8
        for (std::size_t block = 0; block < blocks; ++block) {
#pragma GCC unroll 8
            for (std::size_t i = 0; i < half; ++i) {
                Lanes& a = x[2 * half * block + i];
                Lanes& b = x[2 * half * block + half + i];
                if (last && stage == 0) {
                    last_butterfly<range>(a, b, plan);
                } else {
                    butterfly<range>(a, b, factors[blocks - 1 + block], plan, number + done);
                }
            }
        }
    }
}

// The `depth` stages down to the one with m groups, for the groups [begin, end), 2^depth t words
// each; `last` where that is the transform's last stage.
template <unsigned depth, Range range, bool last, unsigned number>
void pass(std::uint64_t* values, const Plan& plan, std::size_t m, std::size_t begin,
          std::size_t end) {
    constexpr std::size_t width = std::size_t{1} << depth;
    const std::size_t t = plan.n / (m * width);
    const Plan local = plan;
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
            stages<depth, range, last, number>(x, factors, local);
#pragma GCC unroll 8
            for (std::size_t i = 0; i < width; ++i) {
                store(at + i * t, x[i]);
            }
        }
    }
}

// A pass of three stages, `done` stages after the transform's first.
template <Range range>
void three_stages(std::uint64_t* values, const Plan& plan, std::size_t m, std::size_t begin,
                  std::size_t end, unsigned done) {
    if (m > 1) {
        done % 2 == 0 ? pass<3, range, false, 0>(values, plan, m, begin, end)
                      : pass<3, range, false, 1>(values, plan, m, begin, end);
    } else {
        done % 2 == 0 ? pass<3, range, true, 0>(values, plan, m, begin, end)
                      : pass<3, range, true, 1>(values, plan, m, begin, end);
    }
}

inline Factor as_factor(Lanes value, Lanes quotient) {
    return {value, _mm512_srli_epi64(quotient, 12)};
}
// One factor a lane, in the order of the groups: 2, 4 or 8 groups, over and over.
inline Lanes repeat_pair(const std::uint64_t* p) {
    return _mm512_broadcast_i64x2(_mm_load_si128(reinterpret_cast<const __m128i*>(p)));
}
inline Lanes repeat_quad(const std::uint64_t* p) {
    return _mm512_broadcast_i64x4(_mm256_load_si256(reinterpret_cast<const __m256i*>(p)));
}

// The even lanes of x and y to x, the odd ones to y.
inline void separate(Lanes& x, Lanes& y, const Plan& plan) {
    const Lanes even = _mm512_permutex2var_epi64(x, plan.even, y);
    y = _mm512_permutex2var_epi64(x, plan.odd, y);
    x = even;
}

// The stages of 2, 4 and 8 words a group on the 16 words x, y from `word` on: the way back of
// last_stages in ntt_forward.cpp.
template <Range range>
inline void first_stages(Lanes& x, Lanes& y, const Plan& plan, std::size_t word) {
    const std::size_t full = (plan.n + word) / 2;
    const std::size_t quad = (plan.n + word) / 4;
    const std::size_t pair = (plan.n + word) / 8;
    separate(x, y, plan);
    butterfly<range>(x, y, as_factor(load(plan.roots + full), load(plan.quotients + full)), plan,
                     0);
    separate(x, y, plan);
    butterfly<range>(x, y,
                     as_factor(repeat_quad(plan.roots + quad), repeat_quad(plan.quotients + quad)),
                     plan, 1);
    separate(x, y, plan);
    butterfly<range>(x, y,
                     as_factor(repeat_pair(plan.roots + pair), repeat_pair(plan.quotients + pair)),
                     plan, 2);
    separate(x, y, plan);
}

// The first depth + 3 stages for the groups [begin, end) of 2^depth vectors; `last` where there are
// no others.
template <unsigned depth, Range range, bool last>
void first_pass(std::uint64_t* values, const Plan& plan, std::size_t begin, std::size_t end) {
    constexpr std::size_t width = std::size_t{1} << depth;
    const std::size_t m = plan.n / (8 * width);
    const Plan local = plan;
    for (std::size_t group = begin; group < end; ++group) {
        Factor factors[width - 1];
        load_factors<depth>(factors, plan, m + group);
        const std::size_t word = group * 8 * width;
        Lanes x[width];
#pragma GCC unroll 8
        for (std::size_t i = 0; i < width; i += 2) {
            x[i] = load(values + word + 8 * i);
            x[i + 1] = load(values + word + 8 * i + 8);
            first_stages<range>(x[i], x[i + 1], local, word + 8 * i);
        }
        stages<depth, range, last, 3>(x, factors, local);
#pragma GCC unroll 16
        for (std::size_t i = 0; i < width; ++i) {
            store(values + word + 8 * i, x[i]);
        }
    }
}

// All stages down to the one with m groups, for one group; returns their number.
template <unsigned first_depth, Range range>
unsigned transform(std::uint64_t* values, const Plan& plan, std::size_t m, std::size_t group) {
    constexpr std::size_t first_words = std::size_t{8} << first_depth;
    if (plan.n / m > cached_words) {
        unsigned done = 0;
        for (std::size_t child = 8 * group; child < 8 * (group + 1); ++child) {
            done = transform<first_depth, range>(values, plan, 8 * m, child);
        }
        three_stages<range>(values, plan, m, group, group + 1, done);
        return done + 3;
    }
    std::size_t inner = m;
    std::size_t groups = 1;
    while (plan.n / inner > first_words) {
        inner *= 8;
        groups *= 8;
    }
    unsigned done = first_depth + 3;
    if (inner == 1) {
        first_pass<first_depth, range, true>(values, plan, 0, 1);
        return done;
    }
    first_pass<first_depth, range, false>(values, plan, group * groups, (group + 1) * groups);
    for (; inner > m; done += 3) {
        inner /= 8;
        groups /= 8;
        three_stages<range>(values, plan, inner, group * groups, (group + 1) * groups, done);
    }
    return done;
}

template <Range range>
void inverse(std::uint64_t* values, const Plan& plan, unsigned log_n) {
    if (log_n == 4) {
        first_pass<1, range, true>(values, plan, 0, 1);
    } else if (log_n == 5) {
        first_pass<2, range, true>(values, plan, 0, 1);
    } else if (log_n % 3 == 0) {
        transform<3, range>(values, plan, 1, 0);
    } else if (log_n % 3 == 1) {
        transform<4, range>(values, plan, 1, 0);
    } else {
        for (std::size_t group = 0; group < 4; ++group) {
            transform<3, range>(values, plan, 4, group);
        }
        log_n % 2 == 0 ? pass<2, range, true, 0>(values, plan, 1, 0, 1)
                       : pass<2, range, true, 1>(values, plan, 1, 0, 1);
    }
}

}  // namespace

void ntt_inverse(std::uint64_t* values, const NttTables& tables) noexcept {
    const Modulus& q = tables.modulus();
    const Plan plan = {tables.inverse_roots(),
                       tables.inverse_root_quotients(),
                       std::size_t{1} << tables.log_n(),
                       make_field(q),
                       splat(4 * q.value),
                       _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14),
                       _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15),
                       splat_factor(tables.inverse_n()),
                       splat_factor(tables.inverse_n_root())};
    if (q.value >> 49U == 0) {
        inverse<Range::eight_q>(values, plan, tables.log_n());
    } else {
        inverse<Range::four_q>(values, plan, tables.log_n());
    }
}

}  // namespace cipherfit::ifma
