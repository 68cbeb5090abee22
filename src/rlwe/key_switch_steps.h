// The steps that all forms of key switching share, limb by limb. For key_switch.cpp and
// raised_pair.cpp.
#pragma once

#include "cipherfit/rlwe/evaluation_keys.h"
#include "rlwe/key_switch.h"
#include "rlwe/ring.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace cipherfit {

// Words of a limb whose products are summed for both parts before the next ones are touched: the
// digits are then read from the first-level cache the second time.
inline constexpr std::size_t product_block = 1024;

// Calls body(offset, size) for the blocks of a limb.
template <class Body>
void for_blocks(std::size_t n, const Body& body) {
    const std::size_t size = std::min(product_block, n);
    for (std::size_t offset = 0; offset < n; offset += size) {
        body(offset, size);
    }
}

// Turns the digits' limbs that raise() has left as coefficients into NTT values.
void transform_limb(const Ring& ring, Decomposition& digits, std::size_t limb);

// Words [offset, offset + size) of one limb of both parts of the digits' inner product with a key.
void multiply_block(const Ring& ring, const Decomposition& digits, const SwitchingKey& key,
                    std::size_t limb, std::size_t offset, std::size_t size,
                    const std::array<std::uint64_t*, 2>& out);
// The whole limb.
void multiply_limb(const Ring& ring, const Decomposition& digits, const SwitchingKey& key,
                   std::size_t limb, const std::array<std::uint64_t*, 2>& out);

// Several base conversions of whole limbs, in parallel over blocks of coefficients.
struct LimbConversion {
    const BaseConversion* conversion = nullptr;
    std::vector<const std::uint64_t*> in;
    std::vector<std::uint64_t*> out;
};
void convert(std::span<const LimbConversion> conversions, std::size_t n);

// What ModDown takes off polynomials modulo Q_level P: their limbs of P (and before these of
// q_level, where `rescale` is set), `dropped[part]`, as coefficients, converted to the limbs that
// are kept. Coefficients.
std::vector<RnsPoly> remainders(const Ring& ring, std::size_t level, bool rescale,
                                std::span<const std::vector<const std::uint64_t*>> dropped);

// The limbs that ModDown keeps.
inline std::size_t kept_limbs(std::size_t level, bool rescale) noexcept {
    return rescale ? level : level + 1;
}
// What ModDown multiplies the difference to the remainder by.
inline const ShoupFactor& divisor_inverse(const Ring& ring, std::size_t level, bool rescale,
                                          std::size_t limb) {
    return rescale ? ring.pq_inverse(level, limb) : ring.p_inverse(limb);
}

// The end of ModDown for one limb: the remainder, coefficients, becomes the quotient.
void divide_limb(const Ring& ring, std::size_t level, bool rescale, std::size_t limb,
                 const std::uint64_t* value, std::uint64_t* remainder);

}  // namespace cipherfit
