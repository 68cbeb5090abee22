// Whole numbers in the JSON of plans.
#pragma once

#include "cipherfit/base/error.h"

#include <cstddef>
#include <cstdint>

#include <nlohmann/json.hpp>

namespace cipherfit {

// The member of that name, at most 2^32. Throws Error(corrupt_data), or nlohmann's exceptions.
inline std::size_t json_count(const nlohmann::json& json, const char* key) {
    constexpr std::size_t most = std::size_t{1} << 32U;
    const auto& value = json.at(key);
    require(value.is_number_unsigned() && value.get<std::uint64_t>() <= most,
            ErrorCode::corrupt_data, "{} must be a whole number of at most 2^32", key);
    return value.get<std::size_t>();
}

}  // namespace cipherfit
