// The bytes of key shares: payloads of messages.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/rlwe/multiparty/key_shares.h"

#include <cstdint>
#include <span>
#include <vector>

namespace cipherfit {

// Each share: kind, id, level, and the residues packed to the widths of their primes.
std::vector<std::uint8_t> to_bytes(const Parameters& parameters, std::span<const KeyShare> shares);
// Untrusted bytes: memory is taken only for what the parameters allow and the bytes hold, every
// residue is below its prime, and nothing throws. At most 4,096 shares.
Expected<std::vector<KeyShare>> key_shares_from_bytes(const Parameters& parameters,
                                                      std::span<const std::uint8_t> bytes);

}  // namespace cipherfit
