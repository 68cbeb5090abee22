// The inverse transform: Gentleman-Sande butterflies with values in [0, 2q) (Harvey, J. Symb.
// Comput. 60, 2014, algorithm 3), two stages a pass; N^-1 is folded into the last stage.
#include "math/kernels/scalar/arithmetic.h"
#include "math/kernels/scalar/kernels.h"

namespace cipherfit::scalar {
namespace {

struct Root {
    std::uint64_t value, quotient;
};

// (x, y) -> (x + y, w (x - y)): from [0, 2q) to [0, 2q).
inline void butterfly(std::uint64_t& x, std::uint64_t& y, Root w, std::uint64_t q,
                      std::uint64_t two_q) {
    const std::uint64_t difference = x - y + two_q;
    x = subtract_once(x + y, two_q);
    y = multiply_lazy(difference, w.value, w.quotient, q);
}

// The last stage: (x, y) -> (N^-1 (x + y), N^-1 w (x - y)), from [0, 2q) to [0, q).
inline void last_butterfly(std::uint64_t& x, std::uint64_t& y, const ShoupFactor& inverse_n,
                           const ShoupFactor& inverse_n_root, std::uint64_t q) {
    const std::uint64_t sum = x + y;
    const std::uint64_t difference = x - y + 2 * q;
    x = multiply(sum, inverse_n, q);
    y = multiply(difference, inverse_n_root, q);
}

// Stages 2m and m of the groups in [0, m): 4t words a group, t apart. m = 1 is the last pass.
template <bool last>
void two_stages(std::uint64_t* values, const NttTables& tables, std::size_t m, std::size_t t) {
    const std::uint64_t q = tables.modulus().value;
    const std::uint64_t two_q = 2 * q;
    const std::uint64_t* roots = tables.inverse_roots();
    const std::uint64_t* quotients = tables.inverse_root_quotients();
    const ShoupFactor inverse_n = tables.inverse_n();
    const ShoupFactor inverse_n_root = tables.inverse_n_root();
    for (std::size_t group = 0; group < m; ++group) {
        const std::size_t at = m + group;
        const Root first{roots[at], quotients[at]};
        const Root left{roots[2 * at], quotients[2 * at]};
        const Root right{roots[2 * at + 1], quotients[2 * at + 1]};
        std::uint64_t* x = values + 4 * t * group;
        for (std::size_t j = 0; j < t; ++j) {
            std::uint64_t a = x[j];
            std::uint64_t b = x[j + t];
            std::uint64_t c = x[j + 2 * t];
            std::uint64_t d = x[j + 3 * t];
            butterfly(a, b, left, q, two_q);
            butterfly(c, d, right, q, two_q);
            if constexpr (last) {
                last_butterfly(a, c, inverse_n, inverse_n_root, q);
                last_butterfly(b, d, inverse_n, inverse_n_root, q);
            } else {
                butterfly(a, c, first, q, two_q);
                butterfly(b, d, first, q, two_q);
            }
            x[j] = a;
            x[j + t] = b;
            x[j + 2 * t] = c;
            x[j + 3 * t] = d;
        }
    }
}

// Stage m = 1 alone, where the number of stages is odd.
void last_stage(std::uint64_t* values, const NttTables& tables, std::size_t half) {
    const std::uint64_t q = tables.modulus().value;
    const ShoupFactor inverse_n = tables.inverse_n();
    const ShoupFactor inverse_n_root = tables.inverse_n_root();
    for (std::size_t j = 0; j < half; ++j) {
        last_butterfly(values[j], values[j + half], inverse_n, inverse_n_root, q);
    }
}

}  // namespace

void ntt_inverse(std::uint64_t* values, const NttTables& tables) noexcept {
    const std::size_t n = std::size_t{1} << tables.log_n();
    std::size_t m = n / 4;
    for (; m > 1; m /= 4) {
        two_stages<false>(values, tables, m, n / (4 * m));
    }
    if (m == 1) {
        two_stages<true>(values, tables, 1, n / 4);
    } else {
        last_stage(values, tables, n / 2);
    }
}

}  // namespace cipherfit::scalar
