#include "cipherfit/parties/owner/sign_message.h"

#include <utility>

namespace cipherfit {
namespace {

MessageHeader header_of(const MessagePlace& place) {
    return {.charter = place.charter,
            .round = place.round,
            .slot = place.slot,
            .previous_root = place.previous_root,
            .payload = {},
            .payload_bytes = 0};
}

}  // namespace

Digest sealing_context(const MessagePlace& place) {
    return sealing_context(header_of(place));
}

Message sign_message(const MemberIdentity& identity, const MessagePlace& place,
                     std::vector<std::uint8_t> payload) {
    require(payload.size() <= largest_payload(place.slot.kind), ErrorCode::invalid_argument,
            "a payload of {} bytes is too long for a {}", payload.size(), name(place.slot.kind));
    MessageHeader header = header_of(place);
    header.payload = sha256(payload);
    header.payload_bytes = payload.size();
    const Signature signature = identity.sign(message_purpose, to_bytes(header));
    return {.receipt = {.header = header, .signature = signature}, .payload = std::move(payload)};
}

Signature sign_charter(const MemberIdentity& identity, const Charter& charter) {
    return identity.sign(charter_purpose, charter_digest(charter));
}

}  // namespace cipherfit
