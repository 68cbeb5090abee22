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

}  // namespace cipherfit
