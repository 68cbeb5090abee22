#include "base/json_integers.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using nlohmann::json;

template <class T>
bool is_taken(const std::string& text) {
    try {
        whole_number<T>(json::parse(text));
        return true;
    } catch (const json::type_error&) {
        return false;
    }
}

TEST(JsonIntegers, TakeWhatTheTypeHolds) {
    EXPECT_EQ(whole_number<int>(json::parse("-2147483648")), std::numeric_limits<int>::min());
    EXPECT_EQ(whole_number<int>(json::parse("2147483647")), std::numeric_limits<int>::max());
    EXPECT_EQ(whole_number<std::uint64_t>(json::parse("18446744073709551615")),
              std::numeric_limits<std::uint64_t>::max());
    EXPECT_EQ(whole_numbers<int>(json::parse("[3, -4]")), (std::vector<int>{3, -4}));
    EXPECT_TRUE(whole_numbers<int>(json::parse("[]")).empty());
}

TEST(JsonIntegers, RefuseAllElse) {
    for (const char* text : {"2147483648", "-2147483649", "18446744073709551615", "1.0", "1.5",
                             "1e300", "-1e308", "true", "null", "\"1\"", "[1]", "{}"}) {
        EXPECT_FALSE(is_taken<int>(text)) << text;
    }
    for (const char* text : {"-1", "18446744073709551616", "-1e308"}) {
        EXPECT_FALSE(is_taken<std::uint64_t>(text)) << text;
    }
    for (const char* text : {"1", "{\"a\": 1}", "[1, 2.5]", "[1, -1e308]", "[[1]]"}) {
        EXPECT_THROW(whole_numbers<int>(json::parse(text)), json::type_error) << text;
    }
}

}  // namespace
}  // namespace cipherfit
