// What the tests of the math layer share: deterministic random residues and slow, plain references.
#pragma once

#include "cipherfit/base/buffer.h"
#include "math/modulus.h"

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace cipherfit::test {

__extension__ typedef unsigned __int128 Wide;

using Random = std::mt19937_64;

// Primes of many sizes, among them the nearest to 2^48, 2^49 and 2^50, where kernels change their
// lazy ranges.
inline std::vector<std::uint64_t> assorted_primes() {
    return {3,
            5,
            97,
            12289,
            786433,
            1073479681,
            1099510054913,
            35184365273089,
            281474976710597,
            281474976710677,
            562949953421231,
            562949953421381,
            1125899902124033,
            1125899906842597};
}

inline std::uint64_t random_below(Random& random, std::uint64_t bound) {
    return std::uniform_int_distribution<std::uint64_t>(0, bound - 1)(random);
}

// Residues modulo q: the edges 0, 1, q-1, q/2 and q/2 + 1 in turn at the front, where they meet
// each other in all pairs of `phase`, then random ones.
inline Buffer residues(Random& random, std::size_t n, std::uint64_t q, std::size_t phase = 0) {
    const std::uint64_t edges[] = {0, 1, q - 1, q / 2, q / 2 + 1};
    Buffer values(n);
    for (std::size_t i = 0; i < n; ++i) {
        values.data()[i] = i < 25 ? edges[phase == 0 ? i % 5 : i / 5] : random_below(random, q);
    }
    return values;
}

inline Buffer constant(std::size_t n, std::uint64_t value) {
    Buffer values(n);
    for (auto& word : values.span()) {
        word = value;
    }
    return values;
}

inline std::vector<std::uint64_t> words(const Buffer& buffer) {
    return {buffer.data(), buffer.data() + buffer.size()};
}

// The references: the compiler's own 128-bit remainder.
inline std::uint64_t plain_multiply(std::uint64_t a, std::uint64_t b, std::uint64_t q) {
    return static_cast<std::uint64_t>(Wide{a} * b % q);
}

inline std::uint64_t plain_power(std::uint64_t base, std::uint64_t exponent, std::uint64_t q) {
    std::uint64_t result = 1 % q;
    for (std::uint64_t i = exponent; i != 0; i >>= 1U) {
        if ((i & 1U) != 0) {
            result = plain_multiply(result, base, q);
        }
        base = plain_multiply(base, base, q);
    }
    return result;
}

}  // namespace cipherfit::test
