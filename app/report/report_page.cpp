#include "report/report_page.h"

#include <string_view>

#include <nlohmann/json.hpp>

namespace cipherfit {

extern const std::string_view resource_page;
extern const std::string_view resource_style;
extern const std::string_view resource_script;
extern const std::string_view resource_charts;

namespace {

// Outside strings JSON has none of these characters, so that escaping them all is safe.
std::string embedded_json(const nlohmann::json& data) {
    const std::string text = data.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        switch (c) {
            case '<':
                out += "\\u003c";
                break;
            case '>':
                out += "\\u003e";
                break;
            case '&':
                out += "\\u0026";
                break;
            default:
                out += c;
        }
    }
    return out;
}

}  // namespace

std::string report_page(const nlohmann::json& data) {
    std::string page;
    std::string_view rest = resource_page;
    const auto fill = [&](std::string_view mark, std::string_view text) {
        const std::size_t at = rest.find(mark);
        page += rest.substr(0, at);
        page += text;
        rest.remove_prefix(at + mark.size());
    };
    // In the order of the template, each once, so that no filling is searched for marks.
    fill("/*{style}*/", resource_style);
    fill("{data}", embedded_json(data));
    fill("/*{charts}*/", resource_charts);
    fill("/*{script}*/", resource_script);
    page += rest;
    return page;
}

}  // namespace cipherfit
