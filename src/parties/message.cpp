#include "cipherfit/parties/message.h"

#include "cipherfit/io/bytes.h"
#include "rlwe/multiparty/hashing.h"

#include <algorithm>

namespace cipherfit {
namespace {

constexpr std::string_view message_magic = "cipherfit message";
constexpr std::uint64_t small_payload = 4096;
constexpr std::uint64_t large_payload = std::uint64_t{1} << 30U;

void read_digest(ByteReader& in, Digest& out) {
    const auto bytes = in.bytes(out.size());
    if (bytes.size() == out.size()) {
        std::ranges::copy(bytes, out.begin());
    }
}

bool known(std::uint32_t kind) {
    return kind >= 1 && kind <= static_cast<std::uint32_t>(PartyMessageKind::release_share);
}

}  // namespace

std::string_view name(PartyMessageKind kind) noexcept {
    switch (kind) {
        case PartyMessageKind::randomness_commitment:
            return "commitment to randomness";
        case PartyMessageKind::randomness_reveal:
            return "revealed randomness";
        case PartyMessageKind::key_commitment:
            return "commitment to key shares";
        case PartyMessageKind::key_shares:
            return "key shares";
        case PartyMessageKind::release_points:
            return "points";
        case PartyMessageKind::round_two_shares:
            return "round-2 shares";
        case PartyMessageKind::points_received:
            return "receipt of the points";
        case PartyMessageKind::masked_sums:
            return "masked sums";
        case PartyMessageKind::upload_commitment:
            return "commitment to an upload";
        case PartyMessageKind::upload:
            return "upload";
        case PartyMessageKind::attestation:
            return "attestation";
        case PartyMessageKind::release_request:
            return "release request";
        case PartyMessageKind::release_share:
            return "release share";
    }
    return "unknown message";
}

std::uint64_t largest_payload(PartyMessageKind kind) noexcept {
    switch (kind) {
        case PartyMessageKind::key_shares:
        case PartyMessageKind::release_points:
        case PartyMessageKind::round_two_shares:
        case PartyMessageKind::masked_sums:
        case PartyMessageKind::upload:
        case PartyMessageKind::release_share:
            return large_payload;
        default:
            return small_payload;
    }
}

std::string describe(const Charter& charter, const MessageSlot& slot) {
    std::string result =
        fmt::format("the {} of {}", name(slot.kind), charter.describe(slot.sender));
    if (slot.recipient != to_everyone) {
        result += fmt::format(" for {}", charter.describe(slot.recipient));
    }
    return result;
}

std::vector<std::uint8_t> to_bytes(const MessageHeader& header) {
    ByteWriter out;
    out.string(message_magic);
    out.u32(message_version);
    out.bytes(header.charter);
    out.u32(header.round);
    out.u32(static_cast<std::uint32_t>(header.slot.kind));
    out.u32(header.slot.sender);
    out.u32(header.slot.recipient);
    out.bytes(header.previous_root);
    out.bytes(header.payload);
    out.u64(header.payload_bytes);
    return out.take();
}

Digest MessageReceipt::digest() const {
    return FieldHash("cipherfit message receipt 1")
        .field(to_bytes(header))
        .field(signature)
        .finish();
}

std::vector<std::uint8_t> to_bytes(const Message& message) {
    ByteWriter out;
    out.bytes(to_bytes(message.receipt.header));
    out.bytes(message.receipt.signature);
    out.bytes(message.payload);
    return out.take();
}

Expected<MessageHead> message_head(std::span<const std::uint8_t> bytes) {
    ByteReader in(bytes);
    MessageHead head;
    MessageHeader& header = head.receipt.header;
    if (in.string(64) != message_magic) {
        in.fail("this is no message of cipherfit");
    }
    const std::uint32_t version = in.u32();
    if (in.ok() && version != message_version) {
        return make_error(ErrorCode::unsupported_version,
                          "a message has the format version {}, and this program knows {}", version,
                          message_version);
    }
    read_digest(in, header.charter);
    header.round = in.u32();
    const std::uint32_t kind = in.u32();
    if (in.ok() && !known(kind)) {
        in.fail(fmt::format("there is no message of kind {}", kind));
    }
    header.slot.kind = static_cast<PartyMessageKind>(kind);
    header.slot.sender = in.u32();
    header.slot.recipient = in.u32();
    read_digest(in, header.previous_root);
    read_digest(in, header.payload);
    header.payload_bytes = in.u64();
    const auto signature = in.bytes(head.receipt.signature.size());
    if (in.ok() && header.payload_bytes > largest_payload(header.slot.kind)) {
        in.fail(fmt::format("a payload of {} bytes is too long for a {}", header.payload_bytes,
                            name(header.slot.kind)));
    }
    head.payload_at = in.position();
    static_cast<void>(in.bytes(in.remaining()));
    if (auto done = in.finish("the message"); !done) {
        return tl::unexpected<ErrorInfo>(done.error());
    }
    std::ranges::copy(signature, head.receipt.signature.begin());
    return head;
}

ErrorInfo other_payload(const MessageHeader& header) {
    return {ErrorCode::corrupt_data,
            fmt::format("the {} of member {} has another payload than it was signed with: ask for "
                        "it again",
                        name(header.slot.kind), header.slot.sender)};
}

Expected<Message> message_from_bytes(std::span<const std::uint8_t> bytes) {
    auto head = message_head(bytes);
    if (!head) {
        return tl::unexpected<ErrorInfo>(head.error());
    }
    const MessageHeader& header = head->receipt.header;
    const auto payload = bytes.subspan(head->payload_at);
    if (payload.size() != header.payload_bytes) {
        return make_error(ErrorCode::corrupt_data,
                          "the message has a payload of {} bytes, and {} were signed",
                          payload.size(), header.payload_bytes);
    }
    if (sha256(payload) != header.payload) {
        return tl::unexpected<ErrorInfo>(other_payload(header));
    }
    return Message{.receipt = head->receipt, .payload = {payload.begin(), payload.end()}};
}

Digest sealing_context(const MessageHeader& header) {
    return FieldHash("cipherfit sealed payload 1")
        .field(header.charter)
        .number(header.round)
        .number(static_cast<std::uint64_t>(header.slot.kind))
        .number(header.slot.sender)
        .number(header.slot.recipient)
        .field(header.previous_root)
        .finish();
}

Round::Round(const Charter& charter, std::uint32_t number, const Digest& previous_root,
             std::vector<MessageSlot> expected)
    : charter_(&charter),
      charter_digest_(charter_digest(charter)),
      number_(number),
      previous_root_(previous_root),
      expected_(std::move(expected)) {
    for (const MessageSlot& slot : expected_) {
        require(slot.sender < charter.members.size() &&
                    (slot.recipient == to_everyone || slot.recipient < charter.members.size()),
                ErrorCode::invalid_argument, "round {} expects {}", number,
                describe(charter, slot));
    }
    std::ranges::sort(expected_);
    const auto doubled = std::ranges::unique(expected_);
    expected_.erase(doubled.begin(), doubled.end());
}

Expected<Round::Acceptance> Round::accept(const MessageReceipt& receipt) {
    const MessageHeader& header = receipt.header;
    const std::string what = describe(*charter_, header.slot);
    const auto refuse = [&](ErrorCode code, const std::string& why) {
        return make_error(code, "{} is refused: {}", what, why);
    };
    if (header.charter != charter_digest_) {
        return refuse(ErrorCode::fingerprint_mismatch, "it belongs to another charter");
    }
    if (header.round != number_) {
        return refuse(
            ErrorCode::fingerprint_mismatch,
            fmt::format("it is of round {}, which is {}, and round {} is open", header.round,
                        header.round < number_ ? "closed" : "not yet open", number_));
    }
    if (!std::ranges::binary_search(expected_, header.slot)) {
        return refuse(ErrorCode::fingerprint_mismatch,
                      fmt::format("nobody expects it in round {}", number_));
    }
    if (!verify_signature(charter_->members[header.slot.sender].identity, message_purpose,
                          to_bytes(header), receipt.signature)) {
        return refuse(ErrorCode::corrupt_data, "its signature is not the sender's");
    }
    if (header.previous_root != previous_root_) {
        return refuse(
            ErrorCode::corrupt_data,
            fmt::format("its sender saw other messages in the round before (root {}, here "
                        "{}): whoever carries the messages showed one of you false ones",
                        to_hex(std::span(header.previous_root).first(8)),
                        to_hex(std::span(previous_root_).first(8))));
    }
    const auto [place, fresh] = receipts_.try_emplace(header.slot, receipt);
    if (!fresh && place->second != receipt) {
        return refuse(ErrorCode::corrupt_data,
                      "its sender has signed two different ones: keep both as evidence");
    }
    return fresh ? Acceptance::taken : Acceptance::repeated;
}

std::vector<MessageSlot> Round::missing() const {
    std::vector<MessageSlot> result;
    std::ranges::copy_if(expected_, std::back_inserter(result),
                         [&](const MessageSlot& slot) { return !receipts_.contains(slot); });
    return result;
}

Digest Round::root() const {
    require(complete(), ErrorCode::invalid_argument,
            "round {} has no root before all of its messages came: {} are missing", number_,
            missing().size());
    FieldHash hash("cipherfit round root 1");
    hash.field(charter_digest_).number(number_).field(previous_root_).number(receipts_.size());
    for (const auto& [slot, receipt] : receipts_) {
        hash.field(receipt.digest());
    }
    return hash.finish();
}

}  // namespace cipherfit
