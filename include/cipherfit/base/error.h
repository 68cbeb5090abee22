// Errors. Misuse of the library throws cipherfit::Error, one exception type with a code and a
// message that quotes the offending values and names the remedy. Untrusted bytes never throw:
// readers return Expected<T>. The codes map to exit statuses here, and can map to RPC statuses and
// Python exceptions elsewhere.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <fmt/format.h>
#include <tl/expected.hpp>

namespace cipherfit {

enum class ErrorCode {
    invalid_argument,      // a value outside its documented range
    insecure_parameters,   // below 128-bit security by the published table
    level_mismatch,        // operands at different levels
    scale_mismatch,        // operands at different scales
    level_exhausted,       // no level is left for the operation
    missing_key,           // an evaluation key that was not requested
    bad_input,             // a user's data (features, labels, options) cannot be used
    corrupt_data,          // bytes that fail validation: magic, size, checksum, range
    unsupported_version,   // a file of another format version
    fingerprint_mismatch,  // parameters, key, plan or job differ from what is expected
    io_failure,            // the operating system refused: missing file, full disk, permissions
    busy,                  // another process holds the job's directory
    interrupted,           // a signal stopped the work; what was saved is intact
    internal,              // a broken invariant: a defect of cipherfit
};

// The code's name as printed in messages and JSON, e.g. "scale_mismatch".
std::string_view name(ErrorCode code) noexcept;

// Exit status of a program that ends with this code: 2 for everything a user can mend, 130 for an
// interruption, 70 for a defect.
int exit_status(ErrorCode code) noexcept;

// One line for the user: what is wrong, where, what to do.
struct ErrorInfo {
    ErrorCode code = ErrorCode::internal;
    std::string message;
};

class Error : public std::runtime_error {
  public:
    Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
    explicit Error(const ErrorInfo& info) : Error(info.code, info.message) {}
    ErrorCode code() const noexcept { return code_; }
    ErrorInfo info() const { return {code_, what()}; }

  private:
    ErrorCode code_;
};

template <class T>
using Expected = tl::expected<T, ErrorInfo>;

// make_error(code, "format {}", values...): the failing half of an Expected.
template <class... Args>
tl::unexpected<ErrorInfo> make_error(ErrorCode code, fmt::format_string<Args...> format,
                                     Args&&... args) {
    return tl::unexpected<ErrorInfo>(
        ErrorInfo{code, fmt::format(format, std::forward<Args>(args)...)});
}

// require(condition, code, "format {}", values...): throws Error unless the condition holds.
template <class... Args>
void require(bool condition, ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
    if (!condition) {
        throw Error(code, fmt::format(format, std::forward<Args>(args)...));
    }
}

// The value, or its error thrown: for callers that have no better way to go on.
template <class T>
T value_or_throw(Expected<T>&& result) {
    if (!result) {
        throw Error(result.error());
    }
    if constexpr (!std::is_void_v<T>) {
        return std::move(*result);
    }
}

}  // namespace cipherfit
