// Sums of products: the inner product of polynomials and the conversion between RNS bases. Both
// gather 128-bit sums over a block of coefficients that stays in the first-level cache, and reduce
// each sum once.
#include "math/kernels/scalar/arithmetic.h"
#include "math/kernels/scalar/kernels.h"

namespace cipherfit::scalar {
namespace {

// Words in a block: 8 KiB of sums. A multiple of 16, as n is.
constexpr std::size_t block = 512;

inline std::size_t smaller(std::size_t a, std::size_t b) {
    return a < b ? a : b;
}

inline std::uint64_t reduced(Wide x, const Modulus& q) {
    return reduce128(high_word(x), low_word(x), q);
}

}  // namespace

void multiply_accumulate(std::uint64_t* out, const std::uint64_t* const* a,
                         const std::uint64_t* const* b, std::size_t terms, bool accumulate,
                         std::size_t n, const Modulus& q) noexcept {
    Wide sums[block];
    for (std::size_t start = 0; start < n; start += block) {
        const std::size_t count = smaller(block, n - start);
        for (std::size_t i = 0; i < count; ++i) {
            sums[i] = accumulate ? out[start + i] : 0;
        }
        // 1024 products below 2^100 and one residue: far below 2^128.
        std::size_t k = 0;
        for (; k + 2 <= terms; k += 2) {
            const std::uint64_t* a0 = a[k] + start;
            const std::uint64_t* a1 = a[k + 1] + start;
            const std::uint64_t* b0 = b[k] + start;
            const std::uint64_t* b1 = b[k + 1] + start;
            for (std::size_t i = 0; i < count; ++i) {
                sums[i] += Wide{a0[i]} * b0[i] + Wide{a1[i]} * b1[i];
            }
        }
        if (k < terms) {
            for (std::size_t i = 0; i < count; ++i) {
                sums[i] += Wide{a[k][start + i]} * b[k][start + i];
            }
        }
        for (std::size_t i = 0; i < count; ++i) {
            out[start + i] = reduced(sums[i], q);
        }
    }
}

void convert_base(std::uint64_t* const* out, const std::uint64_t* const* in, std::size_t n,
                  const BaseConversionView& view) noexcept {
    constexpr std::size_t width = 64;  // with 64 sources: 32 KiB of scaled residues
    const std::size_t k = view.sources;
    std::uint64_t scaled[64][width];
    double quotient_sums[width];
    std::uint64_t quotients[width];
    Wide sums[width];
    for (std::size_t start = 0; start < n; start += width) {
        const std::size_t count = smaller(width, n - start);
        for (double& sum : quotient_sums) {
            sum = 0.0;
        }
        for (std::size_t i = 0; i < k; ++i) {
            const std::uint64_t* x = in[i] + start;
            const ShoupFactor factor = view.source_factors[i];
            const double inverse = view.source_inverses[i];
            const std::uint64_t q = view.source_moduli[i].value;
            for (std::size_t c = 0; c < count; ++c) {
                const std::uint64_t y = multiply(x[c], factor, q);
                scaled[i][c] = y;
                const double share = static_cast<double>(static_cast<std::int64_t>(y)) * inverse;
                quotient_sums[c] += share;
            }
        }
        for (std::size_t c = 0; c < count; ++c) {
            const double shifted = quotient_sums[c] + 0.5;
            // Truncation is the floor of a number that is not negative.
            quotients[c] = static_cast<std::uint64_t>(static_cast<std::int64_t>(shifted));
        }
        for (std::size_t j = 0; j < view.targets; ++j) {
            const Modulus& p = view.target_moduli[j];
            const std::uint64_t* row = view.matrix + j * k;
            // -v Q = v (p - Q mod p): v <= 64, so that the sum stays below 65 * 2^100.
            const std::uint64_t minus_product = p.value - view.target_products[j].value;
            for (std::size_t c = 0; c < count; ++c) {
                sums[c] = quotients[c] * minus_product;
            }
            for (std::size_t i = 0; i < k; ++i) {
                const std::uint64_t entry = row[i];
                for (std::size_t c = 0; c < count; ++c) {
                    sums[c] += Wide{scaled[i][c]} * entry;
                }
            }
            for (std::size_t c = 0; c < count; ++c) {
                out[j][start + c] = reduced(sums[c], p);
            }
        }
    }
}

}  // namespace cipherfit::scalar
