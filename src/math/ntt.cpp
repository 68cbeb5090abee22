#include "math/ntt.h"

#include "cipherfit/base/error.h"
#include "math/primes.h"

#include <cstddef>

namespace cipherfit {
namespace {

// A primitive 2N-th root of unity: g^((q-1)/2N) for the first g that gives one, which are half of
// all g. Its N-th power must be -1.
std::uint64_t primitive_root(const Modulus& q, std::uint64_t two_n) {
    for (std::uint64_t g = 2;; ++g) {
        const std::uint64_t root = power_mod(g, (q.value - 1) / two_n, q);
        if (power_mod(root, two_n / 2, q) == q.value - 1) {
            return root;
        }
    }
}

std::size_t reverse_bits(std::size_t i, unsigned bits) {
    std::size_t reversed = 0;
    for (unsigned b = 0; b < bits; ++b, i >>= 1U) {
        reversed = (reversed << 1U) | (i & 1U);
    }
    return reversed;
}

// root^br(i) at index i, with the quotients.
void fill_powers(AlignedWords& powers, AlignedWords& quotients, std::uint64_t root,
                 const Modulus& q, unsigned log_n) {
    const std::size_t n = std::size_t{1} << log_n;
    powers.resize(n);
    quotients.resize(n);
    const ShoupFactor step = shoup_factor(root, q);
    std::uint64_t power = 1;
    for (std::size_t i = 0; i < n; ++i) {
        const ShoupFactor factor = shoup_factor(power, q);
        const std::size_t at = reverse_bits(i, log_n);
        powers[at] = factor.value;
        quotients[at] = factor.quotient;
        power = multiply_shoup(power, step, q);
    }
}

}  // namespace

NttTables NttTables::create(const Modulus& modulus, unsigned log_n) {
    require(log_n >= 4 && log_n <= 17, ErrorCode::invalid_argument,
            "NttTables: log_n = {} is outside [4, 17]", log_n);
    const std::uint64_t two_n = std::uint64_t{2} << log_n;
    require(modulus.value % two_n == 1 && is_prime(modulus.value), ErrorCode::invalid_argument,
            "NttTables: {} is not a prime = 1 mod {}; choose primes with ntt_primes()",
            modulus.value, two_n);
    NttTables tables;
    tables.modulus_ = modulus;
    tables.log_n_ = log_n;
    const std::uint64_t root = primitive_root(modulus, two_n);
    fill_powers(tables.roots_, tables.root_quotients_, root, modulus, log_n);
    fill_powers(tables.inverse_roots_, tables.inverse_root_quotients_, inverse_mod(root, modulus),
                modulus, log_n);
    const std::uint64_t inverse_n = inverse_mod(two_n / 2, modulus);
    tables.inverse_n_ = shoup_factor(inverse_n, modulus);
    tables.inverse_n_root_ =
        shoup_factor(multiply_mod(inverse_n, tables.inverse_roots_[1], modulus), modulus);
    return tables;
}

const Modulus& NttTables::modulus() const noexcept {
    return modulus_;
}
unsigned NttTables::log_n() const noexcept {
    return log_n_;
}
const std::uint64_t* NttTables::roots() const noexcept {
    return roots_.data();
}
const std::uint64_t* NttTables::root_quotients() const noexcept {
    return root_quotients_.data();
}
const std::uint64_t* NttTables::inverse_roots() const noexcept {
    return inverse_roots_.data();
}
const std::uint64_t* NttTables::inverse_root_quotients() const noexcept {
    return inverse_root_quotients_.data();
}
const ShoupFactor& NttTables::inverse_n() const noexcept {
    return inverse_n_;
}
const ShoupFactor& NttTables::inverse_n_root() const noexcept {
    return inverse_n_root_;
}

}  // namespace cipherfit
