// Arrays and names in messages.
#pragma once

#include "cipherfit/io/bytes.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace cipherfit {

// The longest name of a charter or a member, in bytes.
inline constexpr std::size_t longest_name = 256;

// Leaves `out` as it is if too few bytes are left, which `in` reports at its end.
template <std::size_t size>
void read_bytes(ByteReader& in, std::array<std::uint8_t, size>& out) {
    const auto bytes = in.bytes(size);
    if (bytes.size() == size) {
        std::ranges::copy(bytes, out.begin());
    }
}

}  // namespace cipherfit
