// What a member hands out about itself, to be put into a charter: name and public keys, signed by
// the private ones.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/parties/public_keys.h"

#include <span>
#include <string>
#include <vector>

namespace cipherfit {

struct MemberCard {
    std::string name;
    IdentityKey identity;
    SealingKey sealing;
    Signature signature{};
    friend bool operator==(const MemberCard&, const MemberCard&) = default;
};

inline constexpr std::string_view card_purpose = "member card";
inline constexpr std::size_t largest_card_bytes = 1024;
// What the signature covers: name and both keys.
std::vector<std::uint8_t> signed_bytes(const MemberCard& card);
std::vector<std::uint8_t> to_bytes(const MemberCard& card);
// Checks the signature. Untrusted bytes: never throws.
Expected<MemberCard> member_card_from_bytes(std::span<const std::uint8_t> bytes);

}  // namespace cipherfit
