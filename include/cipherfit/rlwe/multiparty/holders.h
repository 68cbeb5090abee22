// Key holders and the sets of them that can open: public facts about a Shamir sharing.
//
// Holder j = 1..k has the point f(j) of a polynomial f of degree t - 1 over the ring, with
// f(0) = s (Mouchet, Bertrand and Hubaux, Journal of Cryptology 2023, ePrint 2022/780). The
// differences of points are smaller than every prime, so that they are invertible.
#pragma once

#include "cipherfit/base/error.h"

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace cipherfit {

inline constexpr unsigned most_holders = 8;

// Which of the k holders, t of them, take part in a release. Valid from birth, sorted.
class HolderSet {
  public:
    // Throws Error(invalid_argument) unless 1 <= t <= k <= 8 and there are t distinct points of
    // 1..k, in any order.
    static HolderSet create(unsigned holders, unsigned threshold, std::vector<unsigned> points);
    unsigned holders() const noexcept { return holders_; }
    unsigned threshold() const noexcept { return static_cast<unsigned>(points_.size()); }
    std::span<const unsigned> points() const noexcept { return points_; }
    bool contains(unsigned point) const noexcept;
    // Bit j - 1 stands for holder j.
    std::uint32_t mask() const noexcept;
    friend bool operator==(const HolderSet&, const HolderSet&) = default;

  private:
    HolderSet(unsigned holders, std::vector<unsigned> points)
        : holders_(holders), points_(std::move(points)) {}
    unsigned holders_ = 0;
    std::vector<unsigned> points_;
};

// Throws Error(invalid_argument) unless 1 <= threshold <= holders <= 8.
void require_threshold(unsigned holders, unsigned threshold);

}  // namespace cipherfit
