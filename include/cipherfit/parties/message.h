// Messages between members: bounded, versioned, signed, and bound to charter, round and sender.
//
// The signature covers the header and the SHA-256 of the payload, so that whoever has a message
// without its payload (a receipt) can verify it and put it into the round's root. Every message
// carries the root of the round before: a server that shows different members different messages
// is found in the next round.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/base/secure.h"
#include "cipherfit/parties/charter.h"

#include <compare>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace cipherfit {

// What a message holds. The numbers are part of the format: add, never renumber.
enum class PartyMessageKind : std::uint32_t {
    randomness_commitment = 1,
    randomness_reveal = 2,
    key_commitment = 3,  // to the shares of the public key and of relinearisation, round 1
    key_shares = 4,      // those shares and their opening, and the rotation keys' shares
    release_points = 5,  // sealed for one holder
    round_two_shares = 6,
    points_received = 7,  // a holder has all its points: dealers may forget
    masked_sums = 8,
    upload_commitment = 9,
    upload = 10,
    attestation = 11,  // a holder has recomputed the training: the released ciphertext's digest
    release_request = 12,
    release_share = 13,  // sealed for one recipient
};

std::string_view name(PartyMessageKind kind) noexcept;
// The most bytes that a payload of the kind may have.
std::uint64_t largest_payload(PartyMessageKind kind) noexcept;

inline constexpr std::uint32_t to_everyone = 0xffffffffU;
inline constexpr std::uint32_t message_version = 1;

// Which message of a round: one a kind, sender and recipient.
struct MessageSlot {
    PartyMessageKind kind = PartyMessageKind::randomness_commitment;
    std::uint32_t sender = 0;
    std::uint32_t recipient = to_everyone;
    friend auto operator<=>(const MessageSlot&, const MessageSlot&) = default;
};
std::string describe(const Charter& charter, const MessageSlot& slot);

struct MessageHeader {
    Digest charter{};
    std::uint32_t round = 0;
    MessageSlot slot;
    Digest previous_root{};  // of round - 1; zero in round 0
    Digest payload{};        // SHA-256 of the payload
    std::uint64_t payload_bytes = 0;
    friend bool operator==(const MessageHeader&, const MessageHeader&) = default;
};

// A header with its signature: all that a root needs.
struct MessageReceipt {
    MessageHeader header;
    Signature signature{};
    // SHA-256 of both.
    Digest digest() const;
    friend bool operator==(const MessageReceipt&, const MessageReceipt&) = default;
};

struct Message {
    MessageReceipt receipt;
    std::vector<std::uint8_t> payload;
};

inline constexpr std::string_view message_purpose = "message";
// What the sender signs: the header's bytes.
std::vector<std::uint8_t> to_bytes(const MessageHeader& header);
std::vector<std::uint8_t> to_bytes(const Message& message);
// Checks form, bounds and the payload's digest, not yet who signed. Untrusted bytes: never throws.
Expected<Message> message_from_bytes(std::span<const std::uint8_t> bytes);

// The receipt that a message begins with, and where its payload begins. The same checks but that
// of the payload, of which nothing is read.
struct MessageHead {
    MessageReceipt receipt;
    std::size_t payload_at = 0;
};
inline constexpr std::size_t largest_message_head = 512;
Expected<MessageHead> message_head(std::span<const std::uint8_t> bytes);
// What to say of a message whose payload is not the one that was signed.
ErrorInfo other_payload(const MessageHeader& header);

// The context that a sealed payload is bound to (owner/identity.h).
Digest sealing_context(const MessageHeader& header);

// One round: the messages that are expected, and those that came.
class Round {
  public:
    // `previous_root` is the root of the round before, or zero in round 0. The charter must outlive
    // the round. Throws Error(invalid_argument) where a slot names a member that does not exist.
    Round(const Charter& charter, std::uint32_t number, const Digest& previous_root,
          std::vector<MessageSlot> expected);

    enum class Acceptance { taken, repeated };
    // Takes a message, or says in one line whose message is wrong and why: another charter, another
    // round (early or late), a slot that nobody expects, a bad signature, another root of the round
    // before (somebody showed this sender other messages), or a second, different message. What is
    // refused changes nothing: the right one can still come. The same bytes again are `repeated`.
    Expected<Acceptance> accept(const MessageReceipt& receipt);
    std::vector<MessageSlot> missing() const;
    bool complete() const { return receipts_.size() == expected_.size(); }
    const std::map<MessageSlot, MessageReceipt>& receipts() const noexcept { return receipts_; }
    std::uint32_t number() const noexcept { return number_; }
    const Digest& previous_root() const noexcept { return previous_root_; }
    // SHA-256 of charter, round, the root before, and all receipts in order. Throws
    // Error(invalid_argument) before the round is complete.
    Digest root() const;

  private:
    const Charter* charter_;
    Digest charter_digest_;
    std::uint32_t number_;
    Digest previous_root_;
    std::vector<MessageSlot> expected_;
    std::map<MessageSlot, MessageReceipt> receipts_;
};

}  // namespace cipherfit
