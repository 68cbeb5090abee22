// What allows a release: no holder answers for a ciphertext that it has not recomputed itself, or
// that t holders have not attested to have recomputed.
#pragma once

#include "cipherfit/parties/message.h"
#include "cipherfit/rlwe/multiparty/holders.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace cipherfit {

// The payload of an attestation: the ciphertext's digest (rlwe/multiparty/release.h).
std::vector<std::uint8_t> attestation_payload(const Digest& ciphertext);

// The digest to pass to Holder::release(): `requested`, if it is what this holder has recomputed
// (`own`), or, where it has not recomputed anything, if t different holders attest to it by valid
// signatures under this charter. Otherwise fingerprint_mismatch, which says what is missing. A
// holder whose own digest differs never follows the others.
Expected<Digest> authorize_release(const Charter& charter, const Digest& requested,
                                   const std::optional<Digest>& own,
                                   std::span<const MessageReceipt> attestations);

// What a recipient asks for: a ciphertext, by digest, and who is to answer.
struct AskedRelease {
    Digest ciphertext{};
    HolderSet holders;
};
std::vector<std::uint8_t> to_bytes(const AskedRelease& asked);
// Untrusted bytes: never throws. corrupt_data unless they are the digest and a set of t of the k
// holders.
Expected<AskedRelease> asked_release_from_bytes(std::span<const std::uint8_t> bytes,
                                                unsigned holders, unsigned threshold);

}  // namespace cipherfit
