// Between the service's values and gRPC's messages.
#pragma once

#include "service/records.h"
#include "service/service.h"

#include <cipherfit/v1/charters.pb.h>
#include <cipherfit/v1/jobs.pb.h>
#include <cstdint>
#include <span>
#include <string>

namespace cipherfit::service {

void fill(v1::Job& message, const JobView& view);
void fill(v1::FileState& message, const FileView& view);
// Throws Refusal(invalid_argument).
RunChoices choices_of(const v1::TrainingOptions& message);
std::string bytes_of_hex(const std::string& hex);

inline std::span<const std::uint8_t> span_of(const std::string& bytes) {
    return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

}  // namespace cipherfit::service
