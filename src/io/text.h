// Bytes of a stranger's file, made fit for an error message of one line.
#pragma once

#include <string>
#include <string_view>

namespace cipherfit {

// The first characters of the text, with '?' for what is not printable ASCII.
inline std::string quotable(std::string_view text) {
    constexpr std::size_t limit = 24;
    std::string result;
    for (const char c : text.substr(0, limit)) {
        result += c >= 0x20 && c < 0x7f ? c : '?';
    }
    return text.size() > limit ? result + "..." : result;
}

// Whether the text is UTF-8 without control characters, so that JSON and terminals keep it as it
// is.
inline bool is_printable(std::string_view text) noexcept {
    for (std::size_t i = 0; i < text.size();) {
        const auto byte = [&](std::size_t k) {
            return i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0U;
        };
        const unsigned first = byte(0);
        if (first < 0x80) {
            if (first < 0x20 || first == 0x7f) {
                return false;
            }
            ++i;
            continue;
        }
        const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
        unsigned value = first & (0xffU >> (length + 1));
        for (std::size_t k = 1; k < length; ++k) {
            if ((byte(k) & 0xc0U) != 0x80U) {
                return false;
            }
            value = value << 6U | (byte(k) & 0x3fU);
        }
        // Continuations alone, overlong forms, surrogates, beyond Unicode, and C1 controls.
        constexpr unsigned least[] = {0xa0, 0x800, 0x10000};
        if (first < 0xc2 || first > 0xf4 || value < least[length - 2] || value > 0x10ffff ||
            (value >= 0xd800 && value < 0xe000)) {
            return false;
        }
        i += length;
    }
    return true;
}

}  // namespace cipherfit
