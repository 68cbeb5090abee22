#include "cipherfit/parties/post_place.h"

#include "cipherfit/parties/board.h"

#include <charconv>
#include <system_error>

#include <fmt/format.h>

namespace cipherfit {
namespace {

std::optional<std::uint32_t> number_of(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() && !text.empty()
               ? std::optional(value)
               : std::nullopt;
}

}  // namespace

// The name made of what was read must be the same again.
std::optional<PostPlace> post_place(std::string_view name, std::size_t members) {
    PostPlace place;
    constexpr std::string_view signatures = "signatures/";
    constexpr std::string_view messages = "messages/";
    if (name.starts_with(signatures)) {
        const auto sender = number_of(name.substr(signatures.size(), 3));
        if (!sender || *sender >= members ||
            name != fmt::format("{}{:03}.sig", signatures, *sender)) {
            return {};
        }
        place.is_signature = true;
        place.slot.sender = *sender;
        return place;
    }
    constexpr std::size_t length = std::string_view("RR-KK-SSS-RRR.msg").size();
    const std::string_view file = name.substr(name.starts_with(messages) ? messages.size() : 0);
    if (!name.starts_with(messages) || file.size() < length) {
        return {};
    }
    const auto round = number_of(file.substr(0, 2));
    const auto kind = number_of(file.substr(3, 2));
    const auto sender = number_of(file.substr(6, 3));
    const std::string_view recipient = file.substr(10, 3);
    const auto number = recipient == "all" ? std::optional(to_everyone) : number_of(recipient);
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

}  // namespace cipherfit
