// Sizes as numbers of slots to rotate by, which have a sign.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cipherfit {

inline std::int64_t signed_size(std::size_t value) noexcept {
    return static_cast<std::int64_t>(value);
}

}  // namespace cipherfit
