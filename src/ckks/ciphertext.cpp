#include "cipherfit/ckks/ciphertext.h"

#include "cipherfit/base/parallel.h"
#include "rlwe/ring.h"
#include "rlwe/uniform.h"

#include <algorithm>
#include <cmath>

namespace cipherfit {
namespace {

bool valid_scale(double scale) noexcept {
    return std::isfinite(scale) && scale > 0;
}

void check_info(const MessageInfo& info) {
    require(valid_scale(info.scale), ErrorCode::invalid_argument,
            "a scale must be positive and finite, got {}", info.scale);
}

}  // namespace

Plaintext::Plaintext(RnsPoly poly, MessageInfo info) : poly_(std::move(poly)), info_(info) {
    check_info(info_);
    require(poly_.limbs() == info_.level + 1, ErrorCode::invalid_argument,
            "a plaintext at level {} needs {} limbs, got {}", info_.level, info_.level + 1,
            poly_.limbs());
}

Ciphertext::Ciphertext(std::vector<RnsPoly> parts, MessageInfo info)
    : parts_(std::move(parts)), info_(info) {
    check_info(info_);
    const bool fits = (parts_.size() == 2 || parts_.size() == 3) &&
                      std::all_of(parts_.begin(), parts_.end(), [&](const RnsPoly& part) {
                          return part.limbs() == info_.level + 1;
                      });
    require(fits, ErrorCode::invalid_argument,
            "a ciphertext at level {} needs 2 or 3 parts of {} limbs, got {} parts", info_.level,
            info_.level + 1, parts_.size());
}

std::size_t Ciphertext::bytes() const noexcept {
    std::size_t sum = 0;
    for (const RnsPoly& part : parts_) {
        sum += part.bytes();
    }
    return sum;
}

Ciphertext Ciphertext::copy() const {
    std::vector<RnsPoly> parts;
    parts.reserve(parts_.size());
    for (const RnsPoly& part : parts_) {
        parts.push_back(part.copy());
    }
    return {std::move(parts), info_};
}

Ciphertext Ciphertext::with_factor(double factor) && {
    require(std::isfinite(factor) && factor > 0, ErrorCode::invalid_argument,
            "a factor that goes into the scale must be positive and finite, got {}", factor);
    info_.scale /= factor;
    return std::move(*this);
}

Ciphertext expand(const SeededCiphertext& seeded, const Parameters& parameters) {
    const Ring& ring = parameters.ring();
    require(seeded.info.level <= parameters.max_level() && seeded.c0.n() == ring.n() &&
                seeded.c0.limbs() == seeded.info.level + 1 && valid_scale(seeded.info.scale),
            ErrorCode::corrupt_data,
            "a ciphertext of {} limbs at level {} and scale {} does not fit these parameters",
            seeded.c0.limbs(), seeded.info.level, seeded.info.scale);
    RnsPoly c1(ring.n(), seeded.info.level + 1);
    parallel_for(0, c1.limbs(), [&](std::size_t i) {
        expand_uniform(c1.limb(i), ring.n(), seeded.seed, uniform_stream(0, i), ring.modulus(i));
    });
    std::vector<RnsPoly> parts;
    parts.push_back(seeded.c0.copy());
    parts.push_back(std::move(c1));
    return {std::move(parts), seeded.info};
}

bool same_scale(double a, double b) noexcept {
    return std::abs(a / b - 1.0) < 0x1p-45;
}

}  // namespace cipherfit
