// Making messages.
#pragma once

#include "cipherfit/parties/message.h"
#include "cipherfit/parties/owner/identity.h"

#include <cstdint>
#include <vector>

namespace cipherfit {

// Where a message belongs: all of its header but the payload's digest.
struct MessagePlace {
    Digest charter{};
    std::uint32_t round = 0;
    MessageSlot slot;
    Digest previous_root{};
};

// The context that a payload of this place is sealed under.
Digest sealing_context(const MessagePlace& place);

// A signed message. The same bytes for the same arguments. Store it durably before it is sent, and
// send the stored bytes again where it got lost: never make another with a new payload.
Message sign_message(const MemberIdentity& identity, const MessagePlace& place,
                     std::vector<std::uint8_t> payload);

Signature sign_charter(const MemberIdentity& identity, const Charter& charter);

}  // namespace cipherfit
