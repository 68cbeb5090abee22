#include "cipherfit/base/parallel.h"
#include "cipherfit/ckks/evaluator.h"
#include "rlwe/key_switch.h"
#include "rlwe/ring.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace cipherfit {
namespace {

void check_scales(const char* operation, const MessageInfo& a, const MessageInfo& b) {
    require(same_scale(a.scale, b.scale), ErrorCode::scale_mismatch,
            "cannot {} at scales 2^{:.6f} (level {}) and 2^{:.6f} (level {}): bring one to the "
            "other's scale with multiply_scalar",
            operation, std::log2(a.scale), a.level, std::log2(b.scale), b.level);
}

// body(part, limb) for every part and limb.
template <class F>
void each_limb(std::size_t parts, std::size_t limbs, F&& body) {
    parallel_for(0, parts * limbs, [&](std::size_t task) { body(task / limbs, task % limbs); });
}

std::vector<RnsPoly> empty_parts(std::size_t count, std::size_t n, std::size_t limbs) {
    std::vector<RnsPoly> parts;
    parts.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        parts.emplace_back(n, limbs);
    }
    return parts;
}

}  // namespace

Evaluator::Evaluator(const EvaluationKeys& keys) : keys_(keys), encoder_(keys.parameters()) {}

Ciphertext Evaluator::combine(const Ciphertext& a, const Ciphertext& b, bool subtract) const {
    check_scales(subtract ? "subtract" : "add", a.info(), b.info());
    const Ring& ring = parameters().ring();
    const std::size_t n = ring.n();
    const std::size_t level = std::min(a.level(), b.level());
    auto parts = empty_parts(std::max(a.size(), b.size()), n, level + 1);
    each_limb(parts.size(), level + 1, [&](std::size_t part, std::size_t limb) {
        std::uint64_t* out = parts[part].limb(limb);
        const Modulus& q = ring.modulus(limb);
        if (part >= a.size() && subtract) {
            kernels().negate(out, b.part(part).limb(limb), n, q);
        } else if (part >= a.size() || part >= b.size()) {
            const Ciphertext& longer = part < a.size() ? a : b;
            std::memcpy(out, longer.part(part).limb(limb), n * sizeof(std::uint64_t));
        } else {
            const auto kernel = subtract ? kernels().subtract : kernels().add;
            kernel(out, a.part(part).limb(limb), b.part(part).limb(limb), n, q);
        }
    });
    return {std::move(parts), {level, a.scale()}};
}

Ciphertext Evaluator::add(const Ciphertext& a, const Ciphertext& b) const {
    return combine(a, b, false);
}

Ciphertext Evaluator::subtract(const Ciphertext& a, const Ciphertext& b) const {
    return combine(a, b, true);
}

void Evaluator::add_inplace(Ciphertext& a, const Ciphertext& b) const {
    if (b.level() < a.level() || b.size() > a.size()) {
        a = add(a, b);
        return;
    }
    check_scales("add", a.info(), b.info());
    const Ring& ring = parameters().ring();
    each_limb(b.size(), a.level() + 1, [&](std::size_t part, std::size_t limb) {
        kernels().add(a.parts_[part].limb(limb), a.parts_[part].limb(limb), b.part(part).limb(limb),
                      ring.n(), ring.modulus(limb));
    });
}

Ciphertext Evaluator::negate(const Ciphertext& a) const {
    const Ring& ring = parameters().ring();
    auto parts = empty_parts(a.size(), ring.n(), a.level() + 1);
    each_limb(a.size(), a.level() + 1, [&](std::size_t part, std::size_t limb) {
        kernels().negate(parts[part].limb(limb), a.part(part).limb(limb), ring.n(),
                         ring.modulus(limb));
    });
    return {std::move(parts), a.info()};
}

Ciphertext Evaluator::add_plain(const Ciphertext& a, const Plaintext& b) const {
    check_scales("add a plaintext", a.info(), {b.level(), b.scale()});
    const Ring& ring = parameters().ring();
    Ciphertext result = drop_to_level(a, std::min(a.level(), b.level()));
    parallel_for(0, result.level() + 1, [&](std::size_t limb) {
        std::uint64_t* out = result.parts_[0].limb(limb);
        kernels().add(out, out, b.poly().limb(limb), ring.n(), ring.modulus(limb));
    });
    return result;
}

Ciphertext Evaluator::add_scalar(const Ciphertext& a, double value) const {
    require(std::isfinite(value * a.scale()), ErrorCode::invalid_argument,
            "cannot add {} to a ciphertext of scale 2^{:.2f}", value, std::log2(a.scale()));
    const Ring& ring = parameters().ring();
    Ciphertext result = a.copy();
    parallel_for(0, a.level() + 1, [&](std::size_t limb) {
        const Modulus& q = ring.modulus(limb);
        // A constant polynomial has the same value at every root of unity.
        const std::uint64_t constant = reduce_double(value * a.scale(), q);
        std::uint64_t* out = result.parts_[0].limb(limb);
        for (std::size_t i = 0; i < ring.n(); ++i) {
            const std::uint64_t sum = out[i] + constant;
            out[i] = sum >= q.value ? sum - q.value : sum;
        }
    });
    return result;
}

Ciphertext Evaluator::multiply_plain(const Ciphertext& a, const Plaintext& b) const {
    const Ring& ring = parameters().ring();
    const std::size_t level = std::min(a.level(), b.level());
    auto parts = empty_parts(a.size(), ring.n(), level + 1);
    each_limb(a.size(), level + 1, [&](std::size_t part, std::size_t limb) {
        kernels().multiply(parts[part].limb(limb), a.part(part).limb(limb), b.poly().limb(limb),
                           ring.n(), ring.modulus(limb));
    });
    return {std::move(parts), {level, a.scale() * b.scale()}};
}

Ciphertext Evaluator::multiply_scalar(const Ciphertext& a, double factor, double scale,
                                      std::size_t level) const {
    require(level <= a.level(), ErrorCode::level_exhausted,
            "cannot raise a ciphertext from level {} to {}", a.level(), level);
    const double integer = std::nearbyint(factor * (scale / a.scale()));
    const double exact = factor * (scale / a.scale());
    require(std::isfinite(integer) &&
                std::abs(integer - exact) <= 0x1p-20 * std::max(std::abs(exact), scale / a.scale()),
            ErrorCode::invalid_argument,
            "cannot multiply by {} from scale 2^{:.2f} to 2^{:.2f}: the factor {} rounds to {}, "
            "use a larger scale and rescale",
            factor, std::log2(a.scale()), std::log2(scale), exact, integer);
    const Ring& ring = parameters().ring();
    auto parts = empty_parts(a.size(), ring.n(), level + 1);
    each_limb(a.size(), level + 1, [&](std::size_t part, std::size_t limb) {
        const Modulus& q = ring.modulus(limb);
        kernels().multiply_scalar(parts[part].limb(limb), a.part(part).limb(limb),
                                  shoup_factor(reduce_double(integer, q), q), ring.n(), q);
    });
    return {std::move(parts), {level, scale}};
}

Ciphertext Evaluator::drop_to_level(const Ciphertext& a, std::size_t level) const {
    require(level <= a.level(), ErrorCode::level_exhausted,
            "cannot raise a ciphertext from level {} to {}", a.level(), level);
    std::vector<RnsPoly> parts;
    parts.reserve(a.size());
    for (std::size_t part = 0; part < a.size(); ++part) {
        parts.push_back(a.part(part).copy(level + 1));
    }
    return {std::move(parts), {level, a.scale()}};
}

double Evaluator::rescale_divisor(std::size_t level) const {
    require(level <= parameters().max_level(), ErrorCode::invalid_argument,
            "there is no level {}: the highest is {}", level, parameters().max_level());
    return static_cast<double>(parameters().q(level));
}

Ciphertext Evaluator::rescale(const Ciphertext& a) const {
    require(a.level() > 0, ErrorCode::level_exhausted,
            "cannot rescale at level 0 (scale 2^{:.2f}): plan for more levels",
            std::log2(a.scale()));
    const Ring& ring = parameters().ring();
    const std::size_t n = ring.n();
    const std::size_t top = a.level();
    auto last = empty_parts(a.size(), n, 1);
    parallel_for(0, a.size(), [&](std::size_t part) {
        std::memcpy(last[part].limb(0), a.part(part).limb(top), n * sizeof(std::uint64_t));
        ring.inverse(last[part].limb(0), top);
    });
    auto parts = empty_parts(a.size(), n, top);
    each_limb(a.size(), top, [&](std::size_t part, std::size_t limb) {
        std::uint64_t* out = parts[part].limb(limb);
        const Modulus& q = ring.modulus(limb);
        kernels().switch_modulus(out, last[part].limb(0), n, ring.modulus(top), q);
        ring.forward(out, limb);
        kernels().subtract_multiply_scalar(out, a.part(part).limb(limb), out,
                                           ring.q_inverse(top, limb), n, q);
    });
    return {std::move(parts), {top - 1, a.scale() / static_cast<double>(ring.modulus(top).value)}};
}

}  // namespace cipherfit
