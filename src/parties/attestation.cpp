#include "cipherfit/parties/attestation.h"

#include <set>

namespace cipherfit {

std::vector<std::uint8_t> attestation_payload(const Digest& ciphertext) {
    return {ciphertext.begin(), ciphertext.end()};
}

Expected<Digest> authorize_release(const Charter& charter, const Digest& requested,
                                   const std::optional<Digest>& own,
                                   std::span<const MessageReceipt> attestations) {
    const auto hex = [](const Digest& digest) { return to_hex(std::span(digest).first(8)); };
    if (own) {
        if (*own != requested) {
            return make_error(ErrorCode::fingerprint_mismatch,
                              "a release of {} is asked for, and recomputing the training gave {}: "
                              "the server has trained something else",
                              hex(requested), hex(*own));
        }
        return requested;
    }
    const Digest charter_id = charter_digest(charter);
    const Digest payload = sha256(attestation_payload(requested));
    std::set<std::uint32_t> holders;
    for (const MessageReceipt& receipt : attestations) {
        const MessageHeader& header = receipt.header;
        if (header.charter == charter_id && header.slot.kind == PartyMessageKind::attestation &&
            header.payload == payload && charter.point_of(header.slot.sender) &&
            verify_signature(charter.members[header.slot.sender].identity, message_purpose,
                             to_bytes(header), receipt.signature)) {
            holders.insert(header.slot.sender);
        }
    }
    if (holders.size() < charter.threshold) {
        return make_error(
            ErrorCode::fingerprint_mismatch,
            "a release of {} is asked for, which this holder has not recomputed. Valid "
            "attestations came from {} holders, and {} are needed: run the verification",
            hex(requested), holders.size(), charter.threshold);
    }
    return requested;
}

}  // namespace cipherfit
