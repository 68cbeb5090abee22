// Charters' messages: what a client may post, and whether it is what its name says.
#include "cipherfit/io/file.h"
#include "cipherfit/parties/message.h"
#include "cipherfit/parties/post_place.h"
#include "service/outline.h"

#include <algorithm>
#include <vector>

namespace cipherfit::service {
namespace {

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
    const auto place = post_place(name, charter.members.size());
    if (!place) {
        return 0;
    }
    return place->is_signature ? Signature{}.size()
                               : largest_message_head + largest_payload(place->slot.kind);
}

void check_post(const Charter& charter, const std::string& name,
                const std::filesystem::path& file) {
    const auto place = post_place(name, charter.members.size());
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
