// A check of what OpenSSL's functions return.
#pragma once

#include "cipherfit/base/error.h"

namespace cipherfit {

// Throws Error(internal), which says what OpenSSL could not do.
inline void check_openssl(bool ok, const char* what) {
    require(ok, ErrorCode::internal, "OpenSSL could not {}", what);
}

}  // namespace cipherfit
