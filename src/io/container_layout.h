// Sizes and constants of the container format, shared by its writer and its reader. The layout is
// described in docs/reference/format.md.
#pragma once

#include "cipherfit/io/container.h"
#include "io/little_endian.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace cipherfit::container_layout {

// Like PNG's: a byte above 127, the name, and the line ends and the end-of-file mark that text-mode
// transfers damage.
inline constexpr std::array<std::uint8_t, 8> magic{0xc1, 'C', 'F', 'T', '\r', '\n', 0x1a, '\n'};

inline constexpr std::size_t digest_bytes = 32;
inline constexpr std::size_t header_fields_bytes = 132;  // everything the header's digest covers
inline constexpr std::size_t header_bytes = header_fields_bytes + digest_bytes;
inline constexpr std::size_t section_header_bytes = 16;
inline constexpr std::size_t end_payload_bytes = 8;
inline constexpr std::size_t end_bytes = section_header_bytes + end_payload_bytes + digest_bytes;
inline constexpr std::uint32_t end_tag = section_tag("END ");

using SectionHeaderBytes = std::array<std::uint8_t, section_header_bytes>;

inline SectionHeaderBytes encode(const SectionHeader& header) noexcept {
    SectionHeaderBytes bytes{};
    store_le(bytes.data(), header.tag);
    store_le(bytes.data() + 4, header.index);
    store_le(bytes.data() + 8, header.length);
    return bytes;
}

inline SectionHeader decode(const SectionHeaderBytes& bytes) noexcept {
    return {load_le<std::uint32_t>(bytes.data()), load_le<std::uint32_t>(bytes.data() + 4),
            load_le<std::uint64_t>(bytes.data() + 8)};
}

// "KEYS" 3 for messages; bytes that are not printable appear as '?'.
inline std::string describe(std::uint32_t tag, std::uint32_t index) {
    std::string text;
    for (unsigned i = 0; i < 4; ++i) {
        const auto byte = static_cast<unsigned char>(tag >> (8 * i));
        text += byte >= 0x20 && byte < 0x7f ? static_cast<char>(byte) : '?';
    }
    return fmt::format("{} {}", text, index);
}

}  // namespace cipherfit::container_layout
