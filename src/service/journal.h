// The service's log: one JSON object a line on stderr, with time, level, event and what belongs to
// it. No content of a job, no certificate and no key is ever logged.
#pragma once

#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace cipherfit::service {

void log_event(std::string_view level, std::string_view event, const nlohmann::json& fields);
void log_info(std::string_view event, const nlohmann::json& fields);
void log_warning(std::string_view event, const nlohmann::json& fields);

}  // namespace cipherfit::service
