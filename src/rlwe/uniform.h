// Expansion of public seeds to uniform residues: the a halves of keys and fresh ciphertexts.
#pragma once

#include "cipherfit/base/secure.h"
#include "math/modulus.h"

#include <cstdint>

namespace cipherfit {

// `n` independent uniform residues modulo q from stream `stream` of the seed: 64-bit words of the
// key stream, those at or above the largest multiple of q rejected, the rest reduced. Exactly
// uniform, and the same on every machine.
void expand_uniform(std::uint64_t* out, std::size_t n, const Seed& seed, std::uint64_t stream,
                    const Modulus& q);

// The stream numbers in use under one seed: limb j of digit d. A fresh ciphertext is digit 0.
constexpr std::uint64_t uniform_stream(std::size_t digit, std::size_t prime) noexcept {
    return (std::uint64_t{digit} << 32U) | prime;
}

}  // namespace cipherfit
