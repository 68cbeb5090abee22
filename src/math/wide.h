// 128-bit products of words. GCC and Clang have the type on every 64-bit target.
#pragma once

#include <cstdint>

namespace cipherfit {

__extension__ typedef unsigned __int128 Wide;

static inline std::uint64_t high_word(Wide x) {
    return static_cast<std::uint64_t>(x >> 64U);
}
static inline std::uint64_t low_word(Wide x) {
    return static_cast<std::uint64_t>(x);
}

}  // namespace cipherfit
