// The conversion between RNS bases.
#include "math/kernels/avx2/kernels.h"
#include "math/kernels/avx2/product_sum.h"

namespace cipherfit::avx2 {
namespace {

constexpr std::size_t most_sources = 64;
constexpr std::size_t unroll = 4;

inline double to_double(std::uint64_t x) {
    return static_cast<double>(static_cast<std::int64_t>(x));
}

// The residues y of a block of coefficients (kernel_table.h), each as y or as y - q, whichever
// multiply_lazy() gives: at most 5/8 q, its operand being below 2^50. And the quotients v, less 1
// for each y - q.
constexpr std::size_t scaled_words = 2048;  // 16 KiB, which the sources share
struct Block {
    alignas(64) std::uint64_t scaled[scaled_words];  // source i at i * width
    alignas(64) std::uint64_t quotients[scaled_words / 4];
    std::size_t width;
};

// The constants of one source.
struct Source {
    double q, inverse, factor, ratio;
};

inline void set_sources(Source* sources, const BaseConversionView& view) {
    for (std::size_t i = 0; i < view.sources; ++i) {
        const double q = to_double(view.source_moduli[i].value);
        const double factor = to_double(view.source_factors[i].value);
        sources[i] = {q, view.source_inverses[i], factor, factor / q};
    }
}

inline void scale_residues(Block& block, const std::uint64_t* const* in, std::size_t start,
                           std::size_t count, const Source* sources, std::size_t source_count) {
    for (std::size_t c = 0; c < count; c += 8) {
        Lanes shares[2] = {_mm256_setzero_pd(), _mm256_setzero_pd()};
        Lanes negatives[2] = {_mm256_setzero_pd(), _mm256_setzero_pd()};
        for (std::size_t k = 0; k < source_count; ++k) {
            const Field field = {splat(sources[k].q), _mm256_setzero_pd()};
            const Factor factor = {splat(sources[k].factor), splat(sources[k].ratio)};
            const Lanes inverse = splat(sources[k].inverse);
#pragma GCC unroll 2
            for (std::size_t i = 0; i < 2; ++i) {
                const Lanes y = multiply_lazy(load(in[k] + start + c + 4 * i), factor, field);
                store_lanes(block.scaled + k * block.width + c + 4 * i, y);
                const Lanes negative = _mm256_cmp_pd(y, _mm256_setzero_pd(), _CMP_LT_OQ);
                const Lanes positive = _mm256_add_pd(y, _mm256_and_pd(negative, field.q));
                shares[i] = _mm256_add_pd(shares[i], _mm256_mul_pd(positive, inverse));
                negatives[i] = _mm256_add_pd(negatives[i], _mm256_and_pd(negative, splat(1.0)));
            }
        }
#pragma GCC unroll 2
        for (std::size_t i = 0; i < 2; ++i) {
            const Lanes quotient = _mm256_floor_pd(_mm256_add_pd(shares[i], splat(0.5)));
            store_lanes(block.quotients + c + 4 * i, _mm256_sub_pd(quotient, negatives[i]));
        }
    }
}

// The constants of one target p. Multiplicands are taken centred: at most (p - 1)/2.
struct Target {
    double entries[most_sources];
    double minus_product;  // of -v Q
};

inline double centred(std::uint64_t x, std::uint64_t p) {
    return to_double(x) - (x > p / 2 ? to_double(p) : 0.0);
}

inline void set_target(Target& target, const BaseConversionView& view, std::size_t j) {
    const std::uint64_t p = view.target_moduli[j].value;
    for (std::size_t k = 0; k < view.sources; ++k) {
        target.entries[k] = centred(view.matrix[j * view.sources + k], p);
    }
    target.minus_product = -centred(view.target_products[j].value, p);
}

// Products between two reductions. A product is at most 5/8 2^50 (p - 1)/2, six of them and v Q,
// below 33 p, are less than 2^101. Each rounded one is 2^49 larger at most: together they are at
// most (15/8 + 9/8 / p) 2^50 p, and v Q adds 2^49 only where p > 2^42: below 2^51 p for p >= 11.
// For 3, 5 and 7 the rounded ones are at most 1, 1 and 2 times 2^50.
constexpr std::size_t chunk = 6;

// The residues modulo one target at the 16 coefficients of a block from c on.
inline void convert_vectors(std::uint64_t* out, const Block& block, std::size_t c,
                            const Target& target, std::size_t sources, const Field& field) {
    ProductSum sums[unroll];
#pragma GCC unroll 4
    for (std::size_t i = 0; i < unroll; ++i) {
        sums[i] = {splat(signed_products.start), _mm256_setzero_pd()};
        add_product(sums[i], load_lanes(block.quotients + c + 4 * i), splat(target.minus_product));
    }
    const std::uint64_t* scaled = block.scaled + c;
    for (std::size_t k = 0; k < sources;) {
        const std::size_t end = smaller(k + chunk, sources);
        for (; k < end; ++k, scaled += block.width) {
            const Lanes entry = splat(target.entries[k]);
#pragma GCC unroll 4
            for (std::size_t i = 0; i < unroll; ++i) {
                add_product(sums[i], load_lanes(scaled + 4 * i), entry);
            }
        }
#pragma GCC unroll 4
        for (std::size_t i = 0; i < unroll; ++i) {
            sums[i] = {splat(signed_products.start), reduce_sum(sums[i], signed_products, field)};
        }
    }
#pragma GCC unroll 4
    for (std::size_t i = 0; i < unroll; ++i) {
        store_words(out + c + 4 * i, finish(sums[i].low, field));
    }
}

}  // namespace

void convert_base(std::uint64_t* const* out, const std::uint64_t* const* in, std::size_t n,
                  const BaseConversionView& view) noexcept {
    // NOLINTBEGIN(cppcoreguidelines-pro-type-member-init): written before they are read
    Block block;
    Source sources[most_sources];
    Target target;
    // NOLINTEND(cppcoreguidelines-pro-type-member-init)
    set_sources(sources, view);
    // Whole runs of 16 coefficients, as many as fit: 32 at least.
    block.width = smaller(scaled_words / view.sources / 16 * 16, scaled_words / 4);
    for (std::size_t start = 0; start < n; start += block.width) {
        const std::size_t count = smaller(block.width, n - start);
        scale_residues(block, in, start, count, sources, view.sources);
        for (std::size_t j = 0; j < view.targets; ++j) {
            set_target(target, view, j);
            const Field field = make_field(view.target_moduli[j]);
            for (std::size_t c = 0; c < count; c += 4 * unroll) {
                convert_vectors(out[j] + start, block, c, target, view.sources, field);
            }
        }
    }
}

}  // namespace cipherfit::avx2
