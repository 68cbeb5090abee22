// The operating system's refusals as errors of one line.
#pragma once

#include "cipherfit/base/error.h"

#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

namespace cipherfit {

// io_failure: "<name>: cannot <action>: <the system's words for `error`>".
inline tl::unexpected<ErrorInfo> system_error(std::string_view name, std::string_view action,
                                              int error) {
    return make_error(ErrorCode::io_failure, "{}: cannot {}: {}", name, action,
                      std::generic_category().message(error));
}

// Linux transfers at most 2^31 - 4096 bytes in one call.
inline constexpr std::size_t max_transfer = std::size_t{1} << 30U;

// Calls `f` until it is not interrupted by a signal.
template <class F>
auto retry_interrupted(F&& f) {
    auto result = f();
    while (result < 0 && errno == EINTR) {
        result = f();
    }
    return result;
}

}  // namespace cipherfit
