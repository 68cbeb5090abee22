// The bytes of points and release shares: what is sealed for one reader.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/rlwe/multiparty/release.h"
#include "cipherfit/rlwe/owner/multiparty/dealer.h"

#include <cstdint>
#include <span>
#include <vector>

namespace cipherfit {

// Wipe what these give once it is sealed.
std::vector<std::uint8_t> to_bytes(const Parameters& parameters, const ReleasePoint& point);
std::vector<std::uint8_t> to_bytes(const Parameters& parameters, const ReleaseShare& share);

// Untrusted bytes: never throw. A point must be the one expected, at the level expected.
Expected<ReleasePoint> release_point_from_bytes(const Parameters& parameters, unsigned point,
                                                std::size_t level,
                                                std::span<const std::uint8_t> bytes);
// A share must be of this request.
Expected<ReleaseShare> release_share_from_bytes(const Parameters& parameters,
                                                const ReleaseRequest& request,
                                                std::span<const std::uint8_t> bytes);

}  // namespace cipherfit
