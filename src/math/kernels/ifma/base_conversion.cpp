// Sums of products: the inner product of polynomials and the conversion between RNS bases. The low
// and the high halves of 104-bit products are summed apart and reduced once.
#include "math/kernels/ifma/kernels.h"
#include "math/kernels/ifma/lanes.h"

namespace cipherfit::ifma {
namespace {

inline std::size_t smaller(std::size_t a, std::size_t b) {
    return a < b ? a : b;
}

// high 2^52 + low, not normalised.
struct Sum {
    Lanes low, high;
};

inline void add_product(Sum& sum, Lanes a, Lanes b) {
    sum.low = add_low(sum.low, a, b);
    sum.high = add_high(sum.high, a, b);
}

// Reduces sums modulo one prime.
struct SumReducer {
    Field field;
    Factor two_to_52, two_to_104;

    explicit SumReducer(const Modulus& q)
        : field(make_field(q)),
          two_to_52(splat_factor(shoup_factor((std::uint64_t{1} << 52U) % q.value, q))),
          two_to_104(splat_factor(shoup_factor(reduce128(std::uint64_t{1} << 40U, 0, q), q))) {}

    // low < 2^63, high < 2^59: up to 1024 products of residues and one residue.
    Lanes operator()(Sum sum) const {
        const Lanes high = add(sum.high, _mm512_srli_epi64(sum.low, 52));
        const Lanes top = _mm512_srli_epi64(high, 52);
        // 2q from the low part, 2q from the middle: no more than 2^52, and back to 2q. The top is
        // below 2^8, hence its product below q + 2^-44 q: less than 4q together.
        Lanes rest = ifma::add_product(reduce_lazy(sum.low, field), high, two_to_52, field);
        rest = ifma::add_product(reduce_lazy(rest, field), top, two_to_104, field);
        return subtract_once(subtract_once(clean(rest), field.two_q), field.q);
    }
};

// Keys stream from memory, many at a time: more than the prefetchers of CPUs follow over page ends.
constexpr std::size_t prefetched_words = 256;

// The inner product at `width` vectors from `start` on.
template <std::size_t width>
inline void accumulate_block(std::uint64_t* out, const std::uint64_t* const* a,
                             const std::uint64_t* const* b, std::size_t terms, bool accumulate,
                             std::size_t start, const SumReducer& reduced) {
    Sum sums[width];
#pragma GCC unroll 8
    for (std::size_t i = 0; i < width; ++i) {
        sums[i] = {accumulate ? load(out + start + 8 * i) : zero(), zero()};
    }
    for (std::size_t k = 0; k < terms; ++k) {
        const std::uint64_t* x = a[k] + start;
        const std::uint64_t* y = b[k] + start;
#pragma GCC unroll 8
        for (std::size_t i = 0; i < width; ++i) {
            __builtin_prefetch(y + prefetched_words + 8 * i);
            add_product(sums[i], load(x + 8 * i), load(y + 8 * i));
        }
    }
#pragma GCC unroll 8
    for (std::size_t i = 0; i < width; ++i) {
        store(out + start + 8 * i, reduced(sums[i]));
    }
}

// The residues y of a block of coefficients and the quotients v (kernel_table.h).
constexpr std::size_t scaled_words = 4096;  // 32 KiB, which 64 sources share
struct Block {
    alignas(64) std::uint64_t scaled[scaled_words];  // source i at i * width
    alignas(64) std::uint64_t quotients[scaled_words / 4];
    std::size_t width;
};

inline void scale_residues(Block& block, const std::uint64_t* const* in, std::size_t start,
                           std::size_t count, const BaseConversionView& view) {
    for (std::size_t c = 0; c < count; c += 8) {
        _mm512_store_pd(block.quotients + c, _mm512_setzero_pd());
    }
    for (std::size_t i = 0; i < view.sources; ++i) {
        const Field field = make_field(view.source_moduli[i]);
        const Factor factor = splat_factor(view.source_factors[i]);
        const __m512d inverse = _mm512_set1_pd(view.source_inverses[i]);
        for (std::size_t c = 0; c < count; c += 8) {
            const Lanes y = multiply(load(in[i] + start + c), factor, field);
            store(block.scaled + i * block.width + c, y);
            const __m512d share = _mm512_mul_pd(_mm512_cvtepu64_pd(y), inverse);
            _mm512_store_pd(block.quotients + c,
                            _mm512_add_pd(_mm512_load_pd(block.quotients + c), share));
        }
    }
    for (std::size_t c = 0; c < count; c += 8) {
        // Truncation is the floor of a number that is not negative.
        const __m512d sum = _mm512_add_pd(_mm512_load_pd(block.quotients + c), _mm512_set1_pd(0.5));
        store(block.quotients + c, _mm512_cvttpd_epu64(sum));
    }
}

// The residues modulo target j at `width` vectors of a block, from coefficient c on.
template <std::size_t width>
inline void convert_vectors(std::uint64_t* out, const Block& block, std::size_t c,
                            const std::uint64_t* row, std::size_t sources, Lanes minus_product,
                            const SumReducer& reduced) {
    Sum sums[width];
#pragma GCC unroll 8
    for (std::size_t i = 0; i < width; ++i) {
        sums[i] = {zero(), zero()};
        add_product(sums[i], load(block.quotients + c + 8 * i), minus_product);
    }
    for (std::size_t k = 0; k < sources; ++k) {
        const Lanes entry = splat(row[k]);
        const std::uint64_t* y = block.scaled + k * block.width + c;
#pragma GCC unroll 8
        for (std::size_t i = 0; i < width; ++i) {
            add_product(sums[i], load(y + 8 * i), entry);
        }
    }
#pragma GCC unroll 8
    for (std::size_t i = 0; i < width; ++i) {
        store(out + c + 8 * i, reduced(sums[i]));
    }
}

}  // namespace

void multiply_accumulate(std::uint64_t* out, const std::uint64_t* const* a,
                         const std::uint64_t* const* b, std::size_t terms, bool accumulate,
                         std::size_t n, const Modulus& q) noexcept {
    const SumReducer reduced(q);
    std::size_t start = 0;
    for (; start + 32 <= n; start += 32) {
        accumulate_block<4>(out, a, b, terms, accumulate, start, reduced);
    }
    if (start < n) {
        accumulate_block<2>(out, a, b, terms, accumulate, start, reduced);
    }
}

void convert_base(std::uint64_t* const* out, const std::uint64_t* const* in, std::size_t n,
                  const BaseConversionView& view) noexcept {
    Block block;  // NOLINT(cppcoreguidelines-pro-type-member-init): written before it is read
    // Whole runs of 64 coefficients, as many as fit: 64 at least.
    block.width = smaller(scaled_words / view.sources / 64 * 64, scaled_words / 4);
    for (std::size_t start = 0; start < n; start += block.width) {
        const std::size_t count = smaller(block.width, n - start);
        scale_residues(block, in, start, count, view);
        for (std::size_t j = 0; j < view.targets; ++j) {
            const Modulus& p = view.target_moduli[j];
            const SumReducer reduced(p);
            // -v Q = v (p - Q mod p).
            const Lanes minus_product = splat(p.value - view.target_products[j].value);
            const std::uint64_t* row = view.matrix + j * view.sources;
            std::uint64_t* to = out[j] + start;
            std::size_t c = 0;
            for (; c + 64 <= count; c += 64) {
                convert_vectors<8>(to, block, c, row, view.sources, minus_product, reduced);
            }
            for (; c < count; c += 16) {
                convert_vectors<2>(to, block, c, row, view.sources, minus_product, reduced);
            }
        }
    }
}

}  // namespace cipherfit::ifma
