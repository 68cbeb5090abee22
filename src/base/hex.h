// Hexadecimal digits back to bytes.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <system_error>

namespace cipherfit {

// The bytes of exactly as many hexadecimal digits as `out` takes; false for any other text.
inline bool from_hex(std::string_view text, std::span<std::uint8_t> out) noexcept {
    bool valid = text.size() == 2 * out.size();
    for (std::size_t i = 0; valid && i < out.size(); ++i) {
        const char* first = text.data() + 2 * i;
        const auto result = std::from_chars(first, first + 2, out[i], 16);
        valid = result.ec == std::errc{} && result.ptr == first + 2;
    }
    return valid;
}

}  // namespace cipherfit
