// What the fuzz targets share.
#pragma once

#include "cipherfit/base/error.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace cipherfit {

// Ends the run, which makes the fuzzer keep the input, unless the claim about the parser holds.
inline void claim(bool holds) {
    if (!holds) {
        std::abort();
    }
}

// A refusal must say something, in one line, and must never be a defect of cipherfit.
template <class T>
void claim_clear_refusal(const Expected<T>& result) {
    if (!result) {
        claim(!result.error().message.empty());
        claim(result.error().message.find('\n') == std::string::npos);
        claim(result.error().code != ErrorCode::internal);
    }
}

}  // namespace cipherfit
