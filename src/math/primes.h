// NTT-friendly primes: q = 1 mod 2N, so that Z_q holds the 2N-th roots of unity.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cipherfit {

// Deterministic Miller-Rabin, right for every 64-bit integer.
bool is_prime(std::uint64_t n) noexcept;

// `count` distinct primes = 1 mod 2^(log_n + 1), nearest to 2^bits, none of them in `taken`.
// They alternate above and below 2^bits, so that products of consecutive ones stay near the power
// of two; for bits = 50 all are below. 20 <= bits <= 50. Throws Error(invalid_argument) when there
// are not enough within a factor of 2^(1/2).
std::vector<std::uint64_t> ntt_primes(unsigned log_n, unsigned bits, std::size_t count,
                                      const std::vector<std::uint64_t>& taken = {});

}  // namespace cipherfit
