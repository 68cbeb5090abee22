// Why a call of the service is refused: a status that a client's program can act on, and one line
// for a person.
#pragma once

#include "cipherfit/base/error.h"

#include <stdexcept>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace cipherfit::service {

// The statuses of gRPC that the service uses; the numbers are gRPC's.
enum class Status {
    invalid_argument = 3,
    deadline_exceeded = 4,
    not_found = 5,
    already_exists = 6,
    resource_exhausted = 8,
    failed_precondition = 9,
    aborted = 10,
    out_of_range = 11,
    internal = 13,
    unavailable = 14,
    data_loss = 15,
    unauthenticated = 16,
};

class Refusal : public std::runtime_error {
  public:
    Refusal(Status status, const std::string& message, std::string code = {})
        : std::runtime_error(message), status_(status), code_(std::move(code)) {}
    Status status() const noexcept { return status_; }
    // The name of the project's error (base/error.h), or empty.
    const std::string& code() const noexcept { return code_; }

  private:
    Status status_;
    std::string code_;
};

template <class... Args>
[[noreturn]] void refuse(Status status, fmt::format_string<Args...> format, Args&&... args) {
    throw Refusal(status, fmt::format(format, std::forward<Args>(args)...));
}

// The refusal that stands for an error of the library.
inline Refusal refusal_of(const ErrorInfo& error) {
    Status status = Status::invalid_argument;
    switch (error.code) {
        case ErrorCode::io_failure:
        case ErrorCode::internal:
            status = Status::internal;
            break;
        case ErrorCode::busy:
            status = Status::failed_precondition;
            break;
        case ErrorCode::interrupted:
            status = Status::unavailable;
            break;
        default:
            break;
    }
    return {status, error.message, std::string(name(error.code))};
}

}  // namespace cipherfit::service
