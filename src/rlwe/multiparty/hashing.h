// Hashing of fields: each is written with its length, so that no two lists of fields collide.
#pragma once

#include "cipherfit/base/secure.h"

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace cipherfit {

class FieldHash {
  public:
    // The domain tells what is hashed, and in which version.
    explicit FieldHash(std::string_view domain) { field(domain); }
    FieldHash& field(std::span<const std::uint8_t> bytes) {
        number(bytes.size());
        hash_.update(bytes);
        return *this;
    }
    FieldHash& field(std::string_view text) {
        number(text.size());
        for (const char c : text) {
            const auto byte = static_cast<std::uint8_t>(c);
            hash_.update(std::span(&byte, 1));
        }
        return *this;
    }
    FieldHash& number(std::uint64_t value) {
        std::array<std::uint8_t, 8> bytes{};
        for (unsigned i = 0; i < bytes.size(); ++i) {
            bytes[i] = static_cast<std::uint8_t>(value >> (8U * i));
        }
        hash_.update(bytes);
        return *this;
    }
    // Words as little-endian bytes, as x86-64 stores them.
    FieldHash& words(const std::uint64_t* values, std::size_t count) {
        number(count);
        hash_.update(std::span(reinterpret_cast<const std::uint8_t*>(values), 8 * count));
        return *this;
    }
    Digest finish() { return hash_.finish(); }

  private:
    Sha256 hash_;
};

}  // namespace cipherfit
