// A member's private keys: to sign, to open what is sealed for it, and to share secrets with
// others.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/base/secure.h"
#include "cipherfit/parties/public_keys.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace cipherfit {

// Bytes by which a sealed message is longer than what it holds: an ephemeral key and a tag.
inline constexpr std::size_t sealing_overhead = 48;

// Seals for the owner of a key: an ephemeral X25519 key, a key derived from the common secret, both
// public keys and the context (charter, round, sender, recipient: whatever the reader must agree
// with), AES-256-GCM. It says nothing about who sealed: the envelope's signature does.
std::vector<std::uint8_t> seal(const SealingKey& recipient, const Digest& context,
                               std::span<const std::uint8_t> secret);

// Move-only; wiped when it goes.
class MemberIdentity {
  public:
    static constexpr std::size_t secret_bytes = 64;
    static MemberIdentity generate();
    // From what secret() gave.
    static MemberIdentity from_secret(std::span<const std::uint8_t, secret_bytes> secret);
    ~MemberIdentity();
    MemberIdentity(MemberIdentity&&) noexcept = default;
    MemberIdentity& operator=(MemberIdentity&&) = delete;
    MemberIdentity(const MemberIdentity&) = delete;
    MemberIdentity& operator=(const MemberIdentity&) = delete;

    const IdentityKey& identity_key() const noexcept { return identity_key_; }
    const SealingKey& sealing_key() const noexcept { return sealing_key_; }
    // Ed25519's and X25519's private keys, to be stored as privately as any key.
    std::span<const std::uint8_t, secret_bytes> secret() const noexcept { return secret_; }

    // Deterministic (RFC 8032): signing the same content again gives the same bytes.
    Signature sign(std::string_view purpose, std::span<const std::uint8_t> content) const;
    // What seal() sealed for this member under the same context; corrupt_data otherwise.
    Expected<std::vector<std::uint8_t>> open(const Digest& context,
                                             std::span<const std::uint8_t> sealed) const;
    // 32 secret bytes that only this member and the peer can compute, one for each purpose and
    // context. Throws Error(bad_input) for a key that is no point of full order.
    Seed pair_secret(const SealingKey& peer, std::string_view purpose, const Digest& context) const;

  private:
    MemberIdentity();
    void make_public();
    std::array<std::uint8_t, secret_bytes> secret_{};
    IdentityKey identity_key_;
    SealingKey sealing_key_;
};

}  // namespace cipherfit
