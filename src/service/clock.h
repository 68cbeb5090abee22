// Times as text.
#pragma once

#include <chrono>
#include <ctime>
#include <string>

#include <fmt/chrono.h>

namespace cipherfit::service {

// "2025-03-01T12:00:00.123Z".
inline std::string utc_now() {
    const auto now = std::chrono::system_clock::now();
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
    const auto seconds = static_cast<std::time_t>(ms.count() / 1000);
    return fmt::format("{:%FT%T}.{:03}Z", fmt::gmtime(seconds), ms.count() % 1000);
}

inline std::int64_t unix_now() {
    return std::time(nullptr);
}

}  // namespace cipherfit::service
