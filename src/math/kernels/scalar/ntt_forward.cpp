// The forward transform: Cooley-Tukey butterflies with values in [0, 4q) (Harvey, J. Symb.
// Comput. 60, 2014, algorithm 4), two stages a pass.
#include "math/kernels/scalar/arithmetic.h"
#include "math/kernels/scalar/kernels.h"

namespace cipherfit::scalar {
namespace {

struct Root {
    std::uint64_t value, quotient;
};

// (x, y) -> (x + w y, x - w y): from [0, 4q) to [0, 4q).
inline void butterfly(std::uint64_t& x, std::uint64_t& y, Root w, std::uint64_t q,
                      std::uint64_t two_q) {
    const std::uint64_t u = subtract_once(x, two_q);
    const std::uint64_t v = multiply_lazy(y, w.value, w.quotient, q);
    x = u + v;
    y = u - v + two_q;
}

// Stages m and 2m of the groups in [0, m): 4t words a group, t apart. The last pass (t = 1) leaves
// fully reduced values.
template <bool last>
void two_stages(std::uint64_t* values, const NttTables& tables, std::size_t m, std::size_t t) {
    const std::uint64_t q = tables.modulus().value;
    const std::uint64_t two_q = 2 * q;
    const std::uint64_t* roots = tables.roots();
    const std::uint64_t* quotients = tables.root_quotients();
    for (std::size_t group = 0; group < m; ++group) {
        const std::size_t at = m + group;
        const Root first{roots[at], quotients[at]};
        const Root left{roots[2 * at], quotients[2 * at]};
        const Root right{roots[2 * at + 1], quotients[2 * at + 1]};
        std::uint64_t* x = values + 4 * t * group;
        const std::size_t count = last ? 1 : t;
        for (std::size_t j = 0; j < count; ++j) {
            std::uint64_t a = x[j];
            std::uint64_t b = x[j + count];
            std::uint64_t c = x[j + 2 * count];
            std::uint64_t d = x[j + 3 * count];
            butterfly(a, c, first, q, two_q);
            butterfly(b, d, first, q, two_q);
            butterfly(a, b, left, q, two_q);
            butterfly(c, d, right, q, two_q);
            if constexpr (last) {
                a = subtract_once(subtract_once(a, two_q), q);
                b = subtract_once(subtract_once(b, two_q), q);
                c = subtract_once(subtract_once(c, two_q), q);
                d = subtract_once(subtract_once(d, two_q), q);
            }
            x[j] = a;
            x[j + count] = b;
            x[j + 2 * count] = c;
            x[j + 3 * count] = d;
        }
    }
}

// Stage m = 1 alone, where the number of stages is odd.
void first_stage(std::uint64_t* values, const NttTables& tables, std::size_t half) {
    const std::uint64_t q = tables.modulus().value;
    const Root root{tables.roots()[1], tables.root_quotients()[1]};
    for (std::size_t j = 0; j < half; ++j) {
        butterfly(values[j], values[j + half], root, q, 2 * q);
    }
}

}  // namespace

void ntt_forward(std::uint64_t* values, const NttTables& tables) noexcept {
    const std::size_t n = std::size_t{1} << tables.log_n();
    std::size_t m = 1;
    if (tables.log_n() % 2 != 0) {
        first_stage(values, tables, n / 2);
        m = 2;
    }
    for (; m < n / 4; m *= 4) {
        two_stages<false>(values, tables, m, n / (4 * m));
    }
    two_stages<true>(values, tables, m, 1);
}

}  // namespace cipherfit::scalar
