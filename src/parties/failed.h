// The error of one result as that of another.
#pragma once

#include "cipherfit/base/error.h"

namespace cipherfit {

template <class T>
tl::unexpected<ErrorInfo> failed(const Expected<T>& result) {
    return tl::unexpected<ErrorInfo>(result.error());
}

}  // namespace cipherfit
