// The negacyclic number-theoretic transform of Z_q[X]/(X^N + 1).
//
// Forward: the coefficients a_0..a_{N-1} in natural order become the values a(psi^(2 br(i) + 1)),
// i = 0..N-1, where psi is a primitive 2N-th root of unity and br reverses log2(N) bits. Products
// of polynomials are products of values, index by index.
#pragma once

#include <cstdint>
#include <vector>

#include "math/modulus.h"

namespace cipherfit {

// The tables of one (q, N): powers of psi in bit-reversed order, and their inverses, each with
// Shoup's quotients. All variants of the kernels read the same tables.
class NttTables {
  public:
    // Throws Error(invalid_argument) unless q is a prime = 1 mod 2N and 4 <= log_n <= 17.
    static NttTables create(const Modulus& modulus, unsigned log_n);

    const Modulus& modulus() const noexcept { return modulus_; }
    unsigned log_n() const noexcept { return log_n_; }
    // psi^br(i) and floor(psi^br(i) * 2^64 / q), i < N: the order in which forward butterflies
    // of stage m (m = 1, 2, 4, ..., N/2 groups) read them, from index m.
    const std::uint64_t* roots() const noexcept { return roots_.data(); }
    const std::uint64_t* root_quotients() const noexcept { return root_quotients_.data(); }
    // The inverses of the above, at the same indices.
    const std::uint64_t* inverse_roots() const noexcept { return inverse_roots_.data(); }
    const std::uint64_t* inverse_root_quotients() const noexcept {
        return inverse_root_quotients_.data();
    }
    // N^-1 mod q.
    const ShoupFactor& inverse_n() const noexcept { return inverse_n_; }

  private:
    NttTables() = default;
    Modulus modulus_;
    unsigned log_n_ = 0;
    std::vector<std::uint64_t> roots_, root_quotients_, inverse_roots_, inverse_root_quotients_;
    ShoupFactor inverse_n_;
};

}  // namespace cipherfit
