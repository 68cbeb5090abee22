// What allows a release: no holder answers for a ciphertext that it has not recomputed itself, or
// that t holders have not attested to have recomputed.
#pragma once

#include "cipherfit/parties/message.h"

#include <optional>
#include <span>

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

}  // namespace cipherfit
