// Charters' messages: what a client may post, and whether it is what its name says.
#include "cipherfit/io/file.h"
#include "cipherfit/parties/board.h"
#include "cipherfit/parties/message.h"
#include "service/outline.h"

#include <charconv>
#include <optional>
#include <string_view>

namespace cipherfit::service {
namespace {

struct PostPlace {
    bool is_signature = false;
    std::uint32_t round = 0;
    MessageSlot slot;
};

std::optional<std::uint32_t> digits(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() && !text.empty()
               ? std::optional(value)
               : std::nullopt;
}

// "signatures/003.sig" and "messages/02-04-001-all.msg"; the name made of it again must be the
// same.
std::optional<PostPlace> place_of(const Charter& charter, const std::string& name) {
    const auto members = static_cast<std::uint32_t>(charter.members.size());
    PostPlace place;
    constexpr std::string_view signatures = "signatures/";
    constexpr std::string_view messages = "messages/";
    if (name.starts_with(signatures)) {
        const auto sender = digits(std::string_view(name).substr(signatures.size(), 3));
        if (!sender || *sender >= members ||
            name != fmt::format("{}{:03}.sig", signatures, *sender)) {
            return {};
        }
        place.is_signature = true;
        place.slot.sender = *sender;
        return place;
    }
    if (!name.starts_with(messages)) {
        return {};
    }
    const std::string_view file = std::string_view(name).substr(messages.size());
    if (file.size() < 17) {  // RR-KK-SSS-RRR.msg
        return {};
    }
    const auto round = digits(file.substr(0, 2));
    const auto kind = digits(file.substr(3, 2));
    const auto sender = digits(file.substr(6, 3));
    const std::string_view recipient = file.substr(10, 3);
    const auto number = recipient == "all" ? std::optional(to_everyone) : digits(recipient);
    if (!round || !kind || !sender || !number || *sender >= members ||
        (*number != to_everyone && *number >= members)) {
        return {};
    }
    place.round = *round;
    place.slot = {static_cast<PartyMessageKind>(*kind), *sender, *number};
    constexpr auto last = static_cast<std::uint32_t>(PartyMessageKind::release_share);
    if (*kind < 1 || *kind > last || Board::file_name(place.round, place.slot) != file) {
        return {};
    }
    return place;
}

void check_signature_file(const Charter& charter, std::uint32_t member,
                          const std::filesystem::path& file) {
    Signature signature{};
    const auto bytes = value_or_throw(read_file(file, signature.size()));
    require(bytes.size() == signature.size(), ErrorCode::corrupt_data,
            "the signature has {} bytes, it must have {}", bytes.size(), signature.size());
    std::copy(bytes.begin(), bytes.end(), signature.begin());
    SignedCharter with(charter);
    value_or_throw(with.add(member, signature));
}

}  // namespace

std::uint64_t largest_post(const Charter& charter, const std::string& name) {
    const auto place = place_of(charter, name);
    if (!place) {
        return 0;
    }
    return place->is_signature ? Signature{}.size()
                               : largest_message_head + largest_payload(place->slot.kind);
}

void check_post(const Charter& charter, const std::string& name,
                const std::filesystem::path& file) {
    const auto place = place_of(charter, name);
    require(place.has_value(), ErrorCode::bad_input, "'{}' is no place of a message", name);
    if (place->is_signature) {
        check_signature_file(charter, place->slot.sender, file);
        return;
    }
    const auto source = value_or_throw(FileSource::open(file));
    std::vector<std::uint8_t> begin(
        static_cast<std::size_t>(std::min<std::uint64_t>(largest_message_head, source->size())));
    value_or_throw(source->read_at(0, begin));
    const MessageHead head = value_or_throw(message_head(begin));
    const MessageHeader& header = head.receipt.header;
    require(header.slot == place->slot && header.round == place->round, ErrorCode::bad_input,
            "'{}' holds the {} of another place", name, describe(charter, header.slot));
    require(header.charter == charter_digest(charter), ErrorCode::fingerprint_mismatch,
            "'{}' is a message of another charter", name);
    require(header.payload_bytes == source->size() - head.payload_at, ErrorCode::corrupt_data,
            "'{}' has another length than was signed", name);
    require(verify_signature(charter.members[header.slot.sender].identity, message_purpose,
                             to_bytes(header), head.receipt.signature),
            ErrorCode::corrupt_data, "'{}' is not signed by {}", name,
            charter.describe(header.slot.sender));
    Sha256 hash;
    std::vector<std::uint8_t> piece(std::size_t{1} << 20U);
    for (std::uint64_t at = head.payload_at; at < source->size(); at += piece.size()) {
        const auto part = std::span(piece).first(
            static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), source->size() - at)));
        value_or_throw(source->read_at(at, part));
        hash.update(part);
    }
    require(hash.finish() == header.payload, ErrorCode::corrupt_data,
            "'{}' has another payload than was signed", name);
}

}  // namespace cipherfit::service
