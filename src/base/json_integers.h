// Whole numbers of JSON that somebody else wrote. nlohmann's get<T>() would also take a fraction or
// a boolean, wrap what T cannot hold, and convert 1e300, which is undefined.
#pragma once

#include <concepts>
#include <cstdint>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace cipherfit {

// Throws nlohmann::json::type_error, as get<T>() does for a string, where `value` is no whole
// number or T cannot hold it.
template <std::integral T>
T whole_number(const nlohmann::json& value) {
    if (value.is_number_unsigned()) {
        const auto number = value.get<std::uint64_t>();
        if (std::in_range<T>(number)) {
            return static_cast<T>(number);
        }
    } else if (value.is_number_integer()) {
        const auto number = value.get<std::int64_t>();
        if (std::in_range<T>(number)) {
            return static_cast<T>(number);
        }
    }
    throw nlohmann::json::type_error::create(302, "not a whole number, or too large", &value);
}

// The same for an array of them.
template <std::integral T>
std::vector<T> whole_numbers(const nlohmann::json& value) {
    if (!value.is_array()) {
        throw nlohmann::json::type_error::create(302, "not an array of whole numbers", &value);
    }
    std::vector<T> numbers;
    numbers.reserve(value.size());
    for (const nlohmann::json& entry : value) {
        numbers.push_back(whole_number<T>(entry));
    }
    return numbers;
}

}  // namespace cipherfit
