// What members know of each other: Ed25519 keys to verify signatures and X25519 keys to seal for
// (RFC 8032 and RFC 7748, by OpenSSL). The private halves are owner/identity.h.
#pragma once

#include "cipherfit/base/secure.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace cipherfit {

struct IdentityKey {
    std::array<std::uint8_t, 32> bytes{};
    friend bool operator==(const IdentityKey&, const IdentityKey&) = default;
};

struct SealingKey {
    std::array<std::uint8_t, 32> bytes{};
    friend bool operator==(const SealingKey&, const SealingKey&) = default;
};

using Signature = std::array<std::uint8_t, 64>;

// What is signed: SHA-256 of the purpose and the content. A signature for one purpose is none for
// another.
Digest signed_digest(std::string_view purpose, std::span<const std::uint8_t> content);

// Whether the key's owner signed this content for this purpose. Never throws on hostile bytes.
bool verify_signature(const IdentityKey& key, std::string_view purpose,
                      std::span<const std::uint8_t> content, const Signature& signature);

// Twelve groups of four hex digits of the SHA-256 of both keys: what two members compare by voice.
std::string fingerprint(const IdentityKey& identity, const SealingKey& sealing);

}  // namespace cipherfit
