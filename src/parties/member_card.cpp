#include "cipherfit/parties/member_card.h"

#include "cipherfit/io/bytes.h"
#include "parties/array_bytes.h"

#include <algorithm>

namespace cipherfit {
namespace {

constexpr std::string_view card_magic = "cipherfit member card 1";

}  // namespace

std::vector<std::uint8_t> signed_bytes(const MemberCard& card) {
    ByteWriter out;
    out.string(card_magic);
    out.string(card.name);
    out.bytes(card.identity.bytes);
    out.bytes(card.sealing.bytes);
    return out.take();
}

std::vector<std::uint8_t> to_bytes(const MemberCard& card) {
    ByteWriter out;
    out.bytes(signed_bytes(card));
    out.bytes(card.signature);
    return out.take();
}

Expected<MemberCard> member_card_from_bytes(std::span<const std::uint8_t> bytes) {
    ByteReader in(bytes);
    MemberCard card;
    if (in.string(64) != card_magic) {
        in.fail("this is no member's card");
    }
    card.name = in.string(longest_name);
    read_bytes(in, card.identity.bytes);
    read_bytes(in, card.sealing.bytes);
    read_bytes(in, card.signature);
    if (auto done = in.finish("the card"); !done) {
        return tl::unexpected<ErrorInfo>(done.error());
    }
    if (!verify_signature(card.identity, card_purpose, signed_bytes(card), card.signature)) {
        return make_error(ErrorCode::corrupt_data,
                          "the card of {} is not signed by its own keys: ask for it again",
                          card.name);
    }
    return card;
}

}  // namespace cipherfit
