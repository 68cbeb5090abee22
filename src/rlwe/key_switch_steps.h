// The steps that all forms of key switching share, limb by limb. For key_switch.cpp,
// key_switch_single.cpp and raised_pair.cpp.
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

// The limb of a key that goes with limb `limb` of a polynomial modulo Q_level P: a key of a higher
// level has its special limbs further back.
inline std::size_t limb_of_key(const SwitchingKey& key, std::size_t limb,
                               std::size_t level) noexcept {
    return limb <= level ? limb : limb + (key.level - level);
}

// The words of a limb from `offset` on.
struct LimbBlock {
    std::size_t offset = 0;
    std::size_t size = 0;
};

// A block of sum_d digit_d half_d mod q, where `half` is a key's b or a: the inner product of every
// key switch. digits[d] is the limb of digit d, `out` the block itself.
void multiply_half(std::span<const std::uint64_t* const> digits, const std::vector<RnsPoly>& half,
                   std::size_t key_limb, LimbBlock block, const Modulus& q, std::uint64_t* out);

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
