#include "common/number_option.h"

#include <charconv>
#include <string>

#include <fmt/format.h>

namespace cipherfit {

CLI::Validator whole_number(std::uint64_t least, std::uint64_t most) {
    return CLI::Validator(
        [=](std::string& text) -> std::string {
            std::uint64_t value = 0;
            const char* end = text.data() + text.size();
            const auto result = std::from_chars(text.data(), end, value);
            if (result.ec != std::errc{} || result.ptr != end || value < least || value > most) {
                return fmt::format("{} is not a whole number from {} to {}", text, least, most);
            }
            text = std::to_string(value);
            return {};
        },
        fmt::format("[{}..{}]", least, most));
}

CLI::Validator real_number(double least, double most, LeastIs least_is) {
    const bool excluded = least_is == LeastIs::excluded;
    return CLI::Validator(
        [=](std::string& text) -> std::string {
            double value = 0;
            const char* end = text.data() + text.size();
            const auto result = std::from_chars(text.data(), end, value);
            const bool inside =  // false for nan
                (excluded ? value > least : value >= least) && value <= most;
            if (result.ec != std::errc{} || result.ptr != end || !inside) {
                return fmt::format("{} is not a number {} {} up to {}", text,
                                   excluded ? "above" : "from", least, most);
            }
            return {};
        },
        fmt::format("{}{}..{}]", excluded ? "(" : "[", least, most));
}

}  // namespace cipherfit
