// Little-endian integers in memory, byte by byte; compilers make one load or store of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace cipherfit {

template <class T>
T load_le(const std::uint8_t* bytes) noexcept {
    static_assert(std::is_unsigned_v<T>);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        value |= std::uint64_t{bytes[i]} << (8U * i);
    }
    return static_cast<T>(value);
}

template <class T>
void store_le(std::uint8_t* bytes, T value) noexcept {
    static_assert(std::is_unsigned_v<T>);
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        bytes[i] = static_cast<std::uint8_t>(std::uint64_t{value} >> (8U * i));
    }
}

}  // namespace cipherfit
