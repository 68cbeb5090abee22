#include "cipherfit/rlwe/rns_poly.h"

#include "cipherfit/base/error.h"

#include <algorithm>
#include <cstring>

namespace cipherfit {

RnsPoly RnsPoly::copy(std::size_t limbs) const {
    require(limbs <= limbs_, ErrorCode::level_mismatch,
            "cannot copy {} limbs of a polynomial of {}", limbs, limbs_);
    RnsPoly result(n_, limbs);
    if (limbs != 0) {
        std::memcpy(result.limb(0), limb(0), result.bytes());
    }
    return result;
}

}  // namespace cipherfit
