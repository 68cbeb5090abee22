// Shamir's sharing of a dealer's summand over the ring.
#include "cipherfit/base/parallel.h"
#include "cipherfit/rlwe/owner/multiparty/dealer.h"
#include "rlwe/multiparty/hashing.h"
#include "rlwe/owner/multiparty/derive.h"
#include "rlwe/ring.h"
#include "rlwe/uniform.h"

#include <algorithm>
#include <utility>

namespace cipherfit {

ReleasePoint::ReleasePoint(const Parameters& parameters, unsigned point, std::size_t level,
                           RnsPoly values)
    : point_(point), level_(level), values_(std::move(values)) {
    const bool shape = level <= parameters.max_level() && values_.n() == parameters.n() &&
                       values_.limbs() == level + 1;
    bool below = true;
    for (std::size_t limb = 0; shape && limb <= level; ++limb) {
        const std::uint64_t q = parameters.q(limb);
        for (std::size_t i = 0; i < values_.n(); ++i) {
            below = below && values_.limb(limb)[i] < q;
        }
    }
    if (!shape || !below) {
        values_.wipe();
    }
    require(point >= 1 && point <= most_holders, ErrorCode::invalid_argument,
            "a holder's point must be 1 to {}, got {}", most_holders, point);
    require(shape, ErrorCode::corrupt_data,
            "the point of holder {} has {} limbs, which does not fit level {}", point,
            values_.limbs(), level);
    require(below, ErrorCode::corrupt_data,
            "the point of holder {} holds a residue that is not below its prime", point);
}

ReleasePoint& ReleasePoint::operator=(ReleasePoint&& other) noexcept {
    if (this != &other) {
        values_.wipe();
        point_ = other.point_;
        level_ = other.level_;
        values_ = std::move(other.values_);
    }
    return *this;
}

ReleasePoint ReleasePoint::sum(const Parameters& parameters, std::span<const ReleasePoint> points) {
    require(!points.empty(), ErrorCode::invalid_argument, "there are no points to add up");
    const Ring& ring = parameters.ring();
    const ReleasePoint& first = points[0];
    RnsPoly sum = first.values_.copy();
    for (const ReleasePoint& point : points.subspan(1)) {
        require(point.point_ == first.point_ && point.level_ == first.level_,
                ErrorCode::invalid_argument,
                "points of holder {} at level {} and of holder {} at level {} do not add up",
                first.point_, first.level_, point.point_, point.level_);
        for (std::size_t limb = 0; limb <= first.level_; ++limb) {
            kernels().add(sum.limb(limb), sum.limb(limb), point.values_.limb(limb), ring.n(),
                          ring.modulus(limb));
        }
    }
    return {parameters, first.point_, first.level_, std::move(sum)};
}

std::vector<ReleasePoint> Dealer::release_points(unsigned holders, unsigned threshold,
                                                 std::size_t level) const {
    require_threshold(holders, threshold);
    require(level <= parameters().max_level(), ErrorCode::invalid_argument,
            "points modulo the primes of level {} are asked for: the highest is {}", level,
            parameters().max_level());
    const Ring& ring = parameters().ring();
    const Digest context = FieldHash("cipherfit release points 1")
                               .field(charter_)
                               .field(parameters().fingerprint())
                               .number(holders)
                               .number(threshold)
                               .number(level)
                               .finish();
    const SecretSeed seed = derive_seed(seed_, "points", context);
    // NTT values of uniform polynomials are uniform: the coefficients of f are drawn as such.
    std::vector<RnsPoly> values;
    values.reserve(holders);
    for (unsigned j = 0; j < holders; ++j) {
        values.emplace_back(ring.n(), level + 1, true);
    }
    parallel_for(0, level + 1, [&](std::size_t limb) {
        const Modulus& q = ring.modulus(limb);
        RnsPoly coefficient(ring.n(), 1);
        const WipeGuard guard(coefficient);
        for (unsigned degree = threshold; degree-- > 0;) {  // Horner at all points at once
            const std::uint64_t* next = summand_.ntt().limb(limb);
            if (degree > 0) {
                expand_secret_uniform({coefficient.limb(0), ring.n()}, seed.value(),
                                      uniform_stream(degree, limb), q);
                next = coefficient.limb(0);
            }
            for (unsigned j = 0; j < holders; ++j) {
                std::uint64_t* f = values[j].limb(limb);
                kernels().multiply_scalar(f, f, shoup_factor(j + 1, q), ring.n(), q);
                kernels().add(f, f, next, ring.n(), q);
            }
        }
    });
    std::vector<ReleasePoint> result;
    result.reserve(holders);
    for (unsigned j = 0; j < holders; ++j) {
        result.emplace_back(parameters(), j + 1, level, std::move(values[j]));
    }
    return result;
}

}  // namespace cipherfit
