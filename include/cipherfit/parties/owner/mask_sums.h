// A contributor's half of pooled_sums.h.
#pragma once

#include "cipherfit/parties/charter.h"
#include "cipherfit/parties/owner/identity.h"

#include <cstdint>
#include <span>
#include <vector>

namespace cipherfit {

// The numbers plus the streams shared with every other contributor, modulo 2^64. `self` is this
// member's index. `round` names the sums; each round has masks of its own. The same charter and
// round give the same masks, so that two different lists of numbers would show their difference:
// send one message, and send it again byte for byte.
// Throws Error(invalid_argument) where `self` is no contributor of the charter or the identity is
// another's.
std::vector<std::uint64_t> mask_sums(const Charter& charter, std::uint32_t self,
                                     const MemberIdentity& identity, std::uint32_t round,
                                     std::span<const std::uint64_t> numbers);

}  // namespace cipherfit
