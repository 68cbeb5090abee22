// The negacyclic number-theoretic transform of Z_q[X]/(X^N + 1).
//
// Forward: the coefficients a_0..a_{N-1} in natural order become the values a(psi^(2 br(i) + 1)),
// i = 0..N-1, where psi is a primitive 2N-th root of unity and br reverses log2(N) bits. Products
// of polynomials are products of values, index by index.
#pragma once

#include "math/modulus.h"

#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

namespace cipherfit {

// Memory aligned to 64 bytes, a cache line and the widest vector.
template <class T>
struct AlignedAllocator {
    using value_type = T;
    AlignedAllocator() = default;
    template <class U>
    AlignedAllocator(const AlignedAllocator<U>&) noexcept {}
    T* allocate(std::size_t count) {
        return static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t{64}));
    }
    void deallocate(T* p, std::size_t) noexcept { ::operator delete(p, std::align_val_t{64}); }
    friend bool operator==(const AlignedAllocator&, const AlignedAllocator&) { return true; }
};
using AlignedWords = std::vector<std::uint64_t, AlignedAllocator<std::uint64_t>>;

// The tables of one (q, N): powers of psi in bit-reversed order, and their inverses, each with
// Shoup's quotients. All variants of the kernels read the same tables.
class NttTables {
  public:
    // Throws Error(invalid_argument) unless q is a prime = 1 mod 2N and 4 <= log_n <= 17.
    static NttTables create(const Modulus& modulus, unsigned log_n);

    // The accessors are not inline: the kernels of every instruction set call them, and an inline
    // copy compiled for one of them must not serve the others.
    const Modulus& modulus() const noexcept;
    unsigned log_n() const noexcept;
    // All tables are 64-byte aligned.
    // psi^br(i) and floor(psi^br(i) * 2^64 / q), i < N: the order in which forward butterflies
    // of stage m (m = 1, 2, 4, ..., N/2 groups) read them, from index m.
    const std::uint64_t* roots() const noexcept;
    const std::uint64_t* root_quotients() const noexcept;
    // The inverses of the above, at the same indices.
    const std::uint64_t* inverse_roots() const noexcept;
    const std::uint64_t* inverse_root_quotients() const noexcept;
    // N^-1 mod q, and N^-1 times the inverse root at index 1: the factors of the last inverse
    // stage.
    const ShoupFactor& inverse_n() const noexcept;
    const ShoupFactor& inverse_n_root() const noexcept;

  private:
    NttTables() = default;
    Modulus modulus_;
    unsigned log_n_ = 0;
    AlignedWords roots_, root_quotients_, inverse_roots_, inverse_root_quotients_;
    ShoupFactor inverse_n_, inverse_n_root_;
};

}  // namespace cipherfit
