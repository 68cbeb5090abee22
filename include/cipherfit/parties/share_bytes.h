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
// residue is below its prime, and nothing throws. At most 4,096 shares. With `most`, no more than
// the first of them are read, and what follows is not looked at.
Expected<std::vector<KeyShare>> key_shares_from_bytes(const Parameters& parameters,
                                                      std::span<const std::uint8_t> bytes,
                                                      std::size_t most = 4096);

}  // namespace cipherfit
