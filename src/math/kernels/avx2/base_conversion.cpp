// Sums of products: the inner product of polynomials and the conversion between RNS bases. Numbers
// of 50 bits are split in halves of 25, whose products are summed exactly in 64-bit words and
// reduced once.
#include "math/kernels/avx2/kernels.h"
#include "math/kernels/avx2/lanes.h"

namespace cipherfit::avx2 {
namespace {

constexpr std::uint64_t half_mask = (std::uint64_t{1} << 25U) - 1;

inline std::size_t smaller(std::size_t a, std::size_t b) {
    return a < b ? a : b;
}

// high 2^25 + low.
struct Halves {
    Words low, high;
};

inline Halves split(Words x) {
    return {_mm256_and_si256(x, splat_words(half_mask)), _mm256_srli_epi64(x, 25)};
}

// high 2^50 + middle 2^25 + low, not normalised.
struct Sum {
    Words low, middle, high;
};

inline void add_product(Sum& sum, Halves a, Halves b) {
    sum.low = _mm256_add_epi64(sum.low, _mm256_mul_epu32(a.low, b.low));
    sum.middle = _mm256_add_epi64(sum.middle, _mm256_mul_epu32(a.low, b.high));
    sum.middle = _mm256_add_epi64(sum.middle, _mm256_mul_epu32(a.high, b.low));
    sum.high = _mm256_add_epi64(sum.high, _mm256_mul_epu32(a.high, b.high));
}

// Reduces sums modulo one prime.
struct SumReducer {
    Field field;
    Factor two_to_50, two_to_76;

    explicit SumReducer(const Modulus& q)
        : field(make_field(q)),
          two_to_50(make_factor((std::uint64_t{1} << 50U) % q.value, field)),
          two_to_76(make_factor(reduce128(std::uint64_t{1} << 12U, 0, q), field)) {}

    // low, middle, high < 2^62: 1024 products of residues and one residue stay below that.
    Words operator()(Sum sum) const {
        const Words mask = splat_words(half_mask);
        const Words middle = _mm256_add_epi64(sum.middle, _mm256_srli_epi64(sum.low, 25));
        const Words high = _mm256_add_epi64(sum.high, _mm256_srli_epi64(middle, 25));
        const Words low = _mm256_or_si256(_mm256_and_si256(sum.low, mask),
                                          _mm256_slli_epi64(_mm256_and_si256(middle, mask), 25));
        const Words top = _mm256_srli_epi64(high, 26);
        const Words rest = _mm256_and_si256(high, splat_words((std::uint64_t{1} << 26U) - 1));
        // 3/4 q from the low part and barely more than q/2 from either product.
        const Lanes total =
            _mm256_add_pd(reduce_lazy(to_lanes(low), field),
                          _mm256_add_pd(multiply_lazy(to_lanes(rest), two_to_50, field),
                                        multiply_lazy(to_lanes(top), two_to_76, field)));
        return finish(reduce_lazy(total, field), field);
    }
};

// The residues y of a block of coefficients, in halves, and the quotients v (kernel_table.h).
constexpr std::size_t scaled_words = 2048;  // 2 x 16 KiB, which 64 sources share
struct Block {
    alignas(64) std::uint64_t low[scaled_words];  // source i at i * width
    alignas(64) std::uint64_t high[scaled_words];
    alignas(64) std::uint64_t quotients[scaled_words / 4];
    std::size_t width;
};

inline void scale_residues(Block& block, const std::uint64_t* const* in, std::size_t start,
                           std::size_t count, const BaseConversionView& view) {
    for (std::size_t c = 0; c < count; c += 4) {
        store_lanes(block.quotients + c, _mm256_setzero_pd());
    }
    for (std::size_t i = 0; i < view.sources; ++i) {
        const Field field = make_field(view.source_moduli[i]);
        const Factor factor = make_factor(view.source_factors[i].value, field);
        const Lanes inverse = splat(view.source_inverses[i]);
        for (std::size_t c = 0; c < count; c += 4) {
            const Lanes y =
                make_positive(multiply_lazy(load(in[i] + start + c), factor, field), field);
            const Halves halves = split(to_words(y));
            store_words(block.low + i * block.width + c, halves.low);
            store_words(block.high + i * block.width + c, halves.high);
            const Lanes share = _mm256_mul_pd(y, inverse);
            store_lanes(block.quotients + c, _mm256_add_pd(load_lanes(block.quotients + c), share));
        }
    }
    for (std::size_t c = 0; c < count; c += 4) {
        const Lanes sum = _mm256_add_pd(load_lanes(block.quotients + c), splat(0.5));
        store_words(block.quotients + c, to_words(_mm256_floor_pd(sum)));
    }
}

// The residues modulo one target at 8 coefficients of a block, from c on.
inline void convert_vectors(std::uint64_t* out, const Block& block, std::size_t c,
                            const std::uint64_t* row, std::size_t sources, Halves minus_product,
                            const SumReducer& reduced) {
    Sum sums[2];
#pragma GCC unroll 2
    for (std::size_t i = 0; i < 2; ++i) {
        // v <= 64 needs no splitting.
        const Words v = load_words(block.quotients + c + 4 * i);
        sums[i] = {_mm256_mul_epu32(v, minus_product.low), _mm256_mul_epu32(v, minus_product.high),
                   _mm256_setzero_si256()};
    }
    for (std::size_t k = 0; k < sources; ++k) {
        const Halves entry = {splat_words(row[k] & half_mask), splat_words(row[k] >> 25U)};
        const std::size_t at = k * block.width + c;
#pragma GCC unroll 2
        for (std::size_t i = 0; i < 2; ++i) {
            const Halves y = {load_words(block.low + at + 4 * i),
                              load_words(block.high + at + 4 * i)};
            add_product(sums[i], y, entry);
        }
    }
#pragma GCC unroll 2
    for (std::size_t i = 0; i < 2; ++i) {
        store_words(out + c + 4 * i, reduced(sums[i]));
    }
}

}  // namespace

void multiply_accumulate(std::uint64_t* out, const std::uint64_t* const* a,
                         const std::uint64_t* const* b, std::size_t terms, bool accumulate,
                         std::size_t n, const Modulus& q) noexcept {
    const SumReducer reduced(q);
    for (std::size_t start = 0; start < n; start += 16) {
        Sum sums[4];
#pragma GCC unroll 4
        for (std::size_t i = 0; i < 4; ++i) {
            const Words zero = _mm256_setzero_si256();
            sums[i] = {accumulate ? load_words(out + start + 4 * i) : zero, zero, zero};
        }
        for (std::size_t k = 0; k < terms; ++k) {
            const std::uint64_t* x = a[k] + start;
            const std::uint64_t* y = b[k] + start;
#pragma GCC unroll 4
            for (std::size_t i = 0; i < 4; ++i) {
                add_product(sums[i], split(load_words(x + 4 * i)), split(load_words(y + 4 * i)));
            }
        }
#pragma GCC unroll 4
        for (std::size_t i = 0; i < 4; ++i) {
            store_words(out + start + 4 * i, reduced(sums[i]));
        }
    }
}

void convert_base(std::uint64_t* const* out, const std::uint64_t* const* in, std::size_t n,
                  const BaseConversionView& view) noexcept {
    Block block;  // NOLINT(cppcoreguidelines-pro-type-member-init): written before it is read
    // Whole runs of 16 coefficients, as many as fit: 32 at least.
    block.width = smaller(scaled_words / view.sources / 16 * 16, scaled_words / 4);
    for (std::size_t start = 0; start < n; start += block.width) {
        const std::size_t count = smaller(block.width, n - start);
        scale_residues(block, in, start, count, view);
        for (std::size_t j = 0; j < view.targets; ++j) {
            const Modulus& p = view.target_moduli[j];
            const SumReducer reduced(p);
            // -v Q = v (p - Q mod p).
            const std::uint64_t minus = p.value - view.target_products[j].value;
            const Halves minus_product = {splat_words(minus & half_mask),
                                          splat_words(minus >> 25U)};
            for (std::size_t c = 0; c < count; c += 8) {
                convert_vectors(out[j] + start, block, c, view.matrix + j * view.sources,
                                view.sources, minus_product, reduced);
            }
        }
    }
}

}  // namespace cipherfit::avx2
