#include "service/journal.h"

#include "service/clock.h"

#include <string>
#include <unistd.h>

#include <nlohmann/json.hpp>

namespace cipherfit::service {

void log_event(std::string_view level, std::string_view event, const nlohmann::json& fields) {
    nlohmann::ordered_json line{{"time", utc_now()}, {"level", level}, {"event", event}};
    for (const auto& [key, value] : fields.items()) {
        line[key] = value;
    }
    // One write, so that lines of several threads do not mix.
    const std::string text =
        line.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
    static_cast<void>(::write(STDERR_FILENO, text.data(), text.size()) >= 0);
}

void log_info(std::string_view event, const nlohmann::json& fields) {
    log_event("info", event, fields);
}

void log_warning(std::string_view event, const nlohmann::json& fields) {
    log_event("warning", event, fields);
}

}  // namespace cipherfit::service
