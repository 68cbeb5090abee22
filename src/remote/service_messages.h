// The service's messages in plain C++, with the bounds that bytes from outside need.
#pragma once

#include "remote/service_calls.h"

#include <string>
#include <string_view>

namespace cipherfit::v1 {
class Job;
class FileState;
}  // namespace cipherfit::v1

namespace cipherfit {

RemoteJob remote_job(const v1::Job& job);
RemoteFile remote_file(const v1::FileState& file);

// Printable characters alone, at most 500 of them.
std::string one_line(std::string_view text);

// What a status of gRPC, with the project's code where the service named one, means to a caller.
CallError call_error(int status, std::string_view message, std::string_view code);

}  // namespace cipherfit
