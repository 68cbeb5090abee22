#include "cipherfit/rlwe/multiparty/holders.h"

#include "rlwe/multiparty/lagrange.h"

#include <algorithm>
#include <utility>

#include <fmt/ranges.h>

namespace cipherfit {

void require_threshold(unsigned holders, unsigned threshold) {
    require(threshold >= 1 && threshold <= holders && holders <= most_holders,
            ErrorCode::invalid_argument,
            "1 to {} holders are needed, and a threshold of 1 to their number: got {} and {}",
            most_holders, holders, threshold);
}

HolderSet HolderSet::create(unsigned holders, unsigned threshold, std::vector<unsigned> points) {
    require_threshold(holders, threshold);
    std::sort(points.begin(), points.end());
    const bool distinct = std::adjacent_find(points.begin(), points.end()) == points.end();
    require(
        points.size() == threshold && distinct && points.front() >= 1 && points.back() <= holders,
        ErrorCode::invalid_argument,
        "a release needs exactly {} different holders of 1 to {}, got {}", threshold, holders,
        fmt::join(points, ", "));
    return {holders, std::move(points)};
}

bool HolderSet::contains(unsigned point) const noexcept {
    return std::binary_search(points_.begin(), points_.end(), point);
}

std::uint32_t HolderSet::mask() const noexcept {
    std::uint32_t mask = 0;
    for (const unsigned point : points_) {
        mask |= 1U << (point - 1);
    }
    return mask;
}

std::uint64_t lagrange_weight(unsigned point, std::span<const unsigned> points, unsigned at,
                              const Modulus& q) {
    std::uint64_t above = 1;
    std::uint64_t below = 1;
    for (const unsigned other : points) {
        if (other != point) {
            above = multiply_mod(above, subtract_mod(reduce(at, q), reduce(other, q), q), q);
            below = multiply_mod(below, subtract_mod(reduce(point, q), reduce(other, q), q), q);
        }
    }
    return multiply_mod(above, inverse_mod(below, q), q);
}

}  // namespace cipherfit
