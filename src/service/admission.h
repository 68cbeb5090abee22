// What an operator's limits leave.
#pragma once

#include "service/settings.h"
#include "service/store.h"

#include <cstdint>
#include <string>

namespace cipherfit::service {

// Bytes that can be written to the data directory.
std::uint64_t free_bytes(const Settings& settings);

// Whether the client's jobs have run for less than its quota of the last 30 days, and what to say
// if they have not.
bool has_hours(const Settings& settings, const Store& store, const std::string& client);
std::string hours_are_used(const Settings& settings, const std::string& client);

}  // namespace cipherfit::service
