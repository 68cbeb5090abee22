#include "cipherfit/base/error.h"

namespace cipherfit {

std::string_view name(ErrorCode code) noexcept {
    switch (code) {
        case ErrorCode::invalid_argument:
            return "invalid_argument";
        case ErrorCode::insecure_parameters:
            return "insecure_parameters";
        case ErrorCode::level_mismatch:
            return "level_mismatch";
        case ErrorCode::scale_mismatch:
            return "scale_mismatch";
        case ErrorCode::level_exhausted:
            return "level_exhausted";
        case ErrorCode::missing_key:
            return "missing_key";
        case ErrorCode::bad_input:
            return "bad_input";
        case ErrorCode::corrupt_data:
            return "corrupt_data";
        case ErrorCode::unsupported_version:
            return "unsupported_version";
        case ErrorCode::fingerprint_mismatch:
            return "fingerprint_mismatch";
        case ErrorCode::io_failure:
            return "io_failure";
        case ErrorCode::busy:
            return "busy";
        case ErrorCode::interrupted:
            return "interrupted";
        case ErrorCode::internal:
            return "internal";
    }
    return "unknown";
}

int exit_status(ErrorCode code) noexcept {
    switch (code) {
        case ErrorCode::interrupted:
            return 130;
        case ErrorCode::internal:
            return 70;
        default:
            return 2;
    }
}

}  // namespace cipherfit
