// The names of what members post to a charter's directory, read back: they come from outside, and
// become paths.
#pragma once

#include "cipherfit/parties/message.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace cipherfit {

struct PostPlace {
    bool is_signature = false;  // of the charter, by slot.sender
    std::uint32_t round = 0;
    MessageSlot slot;
};

// "signatures/003.sig" and "messages/02-04-001-all.msg", of a charter with that many members.
// Nothing for any other name: of one place there is one name.
std::optional<PostPlace> post_place(std::string_view name, std::size_t members);

}  // namespace cipherfit
