// The page's escaping: whatever the data say, the document has the template's elements and no more.
#include "report/report_page.h"

#include <cstddef>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

std::size_t occurrences(std::string_view text, std::string_view word) {
    std::size_t count = 0;
    for (std::size_t at = text.find(word); at != std::string_view::npos;
         at = text.find(word, at + word.size())) {
        ++count;
    }
    return count;
}

// The embedded object, as a browser finds it: up to the first end of the script.
std::string embedded(const std::string& page) {
    constexpr std::string_view begin = R"(id="data">)";
    const std::size_t at = page.find(begin) + begin.size();
    return page.substr(at, page.find("</script>", at) - at);
}

TEST(ReportPage, HostileStringsStayData) {
    const std::string quiet = report_page({{"classes", {"a", "b"}}});
    for (const std::string hostile :
         {"</script><script>alert(1)</script>", "<!--<script>", "]]>", "&lt;img src=x onerror=1>",
          "/*{script}*/", "{data}", "\u2028\u2029", "quote \" and \\ backslash"}) {
        const nlohmann::json data{{"classes", {hostile, "b"}}};
        const std::string page = report_page(data);
        EXPECT_EQ(nlohmann::json::parse(embedded(page)), data) << hostile;
        EXPECT_EQ(embedded(page).find_first_of("<>&"), std::string::npos) << hostile;
        for (const char* word : {"<script", "</script", "<!--", "<img"}) {
            EXPECT_EQ(occurrences(page, word), occurrences(quiet, word)) << hostile << ": " << word;
        }
    }
}

TEST(ReportPage, BytesThatAreNoTextBecomeReplacementCharacters) {
    const std::string page = report_page({{"classes", {std::string("\xff\xfe<")}}});
    EXPECT_EQ(nlohmann::json::parse(embedded(page))["classes"][0], "\xEF\xBF\xBD\xEF\xBF\xBD<");
}

TEST(ReportPage, NamesNoAddressOfANetworkButThatOfDrawings) {
    const std::string page = report_page(nlohmann::json::object());
    EXPECT_EQ(occurrences(page, "://"), occurrences(page, "http://www.w3.org/2000/svg"));
    EXPECT_EQ(occurrences(page, "Content-Security-Policy"), 1U);
    for (const char* mark : {"{data}", "/*{style}*/", "/*{script}*/", "/*{charts}*/"}) {
        EXPECT_EQ(occurrences(page, mark), 0U) << mark;
    }
}

}  // namespace
}  // namespace cipherfit
