// The report: one HTML file that needs nothing else, made from one JSON object.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace cipherfit {

// The page with `data` in it, as docs/reference/report.md describes the object. Whatever strings
// the data hold, they stay data: they are embedded as JSON in which <, > and & are escapes, the
// page's script puts them into text nodes alone, and the page's policy allows no network. Bytes
// that are not UTF-8 become replacement characters.
std::string report_page(const nlohmann::json& data);

}  // namespace cipherfit
