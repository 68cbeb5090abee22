// Decoded slots on their way into matrices.
#pragma once

#include "cipherfit/base/secure.h"

#include <vector>

namespace cipherfit {

inline void wipe(std::vector<std::vector<double>>& blocks) noexcept {
    for (std::vector<double>& block : blocks) {
        secure_wipe(block.data(), block.size() * sizeof(double));
    }
}

}  // namespace cipherfit
