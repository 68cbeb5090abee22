#include "cipherfit/circuit/symbolic_operations.h"

#include "cipherfit/base/error.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace cipherfit {
namespace {

Handle like(const Handle& a) {
    return Handle::symbolic(a.info(), a.parts());
}

void require_parts(const Handle& a, std::size_t parts) {
    require(a.parts() == parts, ErrorCode::invalid_argument,
            "the operation takes a ciphertext of {} parts, this one has {}", parts, a.parts());
}

void require_level(const Handle& a, std::size_t least, const char* what) {
    require(a.level() >= least, ErrorCode::level_exhausted, "cannot {} at level {}: {} is needed",
            what, a.level(), least);
}

}  // namespace

SymbolicOperations::SymbolicOperations(const Parameters& parameters,
                                       const BootstrapPlan* bootstrap) {
    for (std::size_t i = 0; i <= parameters.max_level(); ++i) {
        primes_.push_back(static_cast<double>(parameters.q(i)));
    }
    if (bootstrap != nullptr) {
        bootstrap_ = {bootstrap->levels(), bootstrap->output_scale(), bootstrap->largest_message()};
    }
}

double SymbolicOperations::rescale_divisor(std::size_t level) const {
    require(level < primes_.size(), ErrorCode::invalid_argument,
            "there is no level {}: the highest is {}", level, primes_.size() - 1);
    return primes_[level];
}

Handle SymbolicOperations::copy(const Handle& a) {
    return like(a);
}

Handle SymbolicOperations::drop_to_level(const Handle& a, std::size_t level) {
    require_level(a, level, "drop to a higher level");
    return Handle::symbolic({level, a.scale()}, a.parts());
}

Handle SymbolicOperations::reinterpret(Handle a, double factor) {
    a.info_.scale /= factor;
    return a;
}

Handle SymbolicOperations::add(const Handle& a, const Handle& b) {
    return Handle::symbolic({std::min(a.level(), b.level()), a.scale()},
                            std::max(a.parts(), b.parts()));
}

Handle SymbolicOperations::subtract(const Handle& a, const Handle& b) {
    return add(a, b);
}

void SymbolicOperations::add_inplace(Handle& a, const Handle& b) {
    a.info_.level = std::min(a.level(), b.level());
    a.parts_ = std::max(a.parts(), b.parts());
}

Handle SymbolicOperations::add_scalar(const Handle& a, double /*value*/) {
    return like(a);
}

Handle SymbolicOperations::multiply_scalar(const Handle& a, double /*factor*/, double scale,
                                           std::size_t level) {
    require_level(a, level, "raise a ciphertext");
    return Handle::symbolic({level, scale}, a.parts());
}

MaskHandle SymbolicOperations::encode(std::span<const double> /*values*/, std::size_t level,
                                      double scale) {
    return MaskHandle(MessageInfo{level, scale});
}

Handle SymbolicOperations::multiply_mask(const Handle& a, const MaskHandle& mask) {
    return Handle::symbolic({std::min(a.level(), mask.info().level), a.scale() * mask.info().scale},
                            a.parts());
}

Handle SymbolicOperations::rescale(const Handle& a) {
    require_level(a, 1, "rescale");
    return Handle::symbolic({a.level() - 1, a.scale() / rescale_divisor(a.level())}, a.parts());
}

Handle SymbolicOperations::sum_of_products(std::span<const HandleProduct> products) {
    require(!products.empty(), ErrorCode::invalid_argument, "a sum of products needs a term");
    std::size_t level = primes_.size() - 1;
    for (const HandleProduct& product : products) {
        require_parts(*product.a, 2);
        require_parts(*product.b, 2);
        level = std::min({level, product.a->level(), product.b->level()});
    }
    return Handle::symbolic({level, products[0].a->scale() * products[0].b->scale()}, 3);
}

Handle SymbolicOperations::relinearize(const Handle& a) {
    require_parts(a, 3);
    return Handle::symbolic(a.info(), 2);
}

Handle SymbolicOperations::relinearize_rescale(const Handle& a) {
    require_parts(a, 3);
    require_level(a, 1, "rescale");
    return Handle::symbolic({a.level() - 1, a.scale() / rescale_divisor(a.level())}, 2);
}

Handle SymbolicOperations::rotate(const Handle& a, std::int64_t /*steps*/) {
    require_parts(a, 2);
    return like(a);
}

Handle SymbolicOperations::multiply_by_power(const Handle& a, std::size_t /*power*/) {
    return like(a);
}

Handle SymbolicOperations::conjugate(const Handle& a) {
    require_parts(a, 2);
    return like(a);
}

HoistedHandle SymbolicOperations::hoist(const Handle& a) {
    require_parts(a, 2);
    return HoistedHandle(a);
}

Handle SymbolicOperations::rotate(const HoistedHandle& a, std::int64_t /*steps*/) {
    return like(a.source());
}

Handle SymbolicOperations::sum_of_rotations(const Handle& a, std::span<const std::int64_t> steps) {
    require(!steps.empty(), ErrorCode::invalid_argument, "a sum of rotations needs a term");
    require_parts(a, 2);
    return like(a);
}

Handle SymbolicOperations::bootstrap(const Handle& a) {
    require(bootstrap_.has_value(), ErrorCode::invalid_argument,
            "this circuit bootstraps: say what a bootstrapping does");
    require_parts(a, 2);
    double scale = bootstrap_->output_scale;
    if (a.level() == 0) {
        // A whole factor brings the message near the largest scale; the result lacks the rest.
        const double factor = std::floor(bootstrap_->largest_message / a.scale());
        require(factor >= 1, ErrorCode::scale_mismatch, "a scale of {} leaves no room", a.scale());
        scale *= factor * a.scale() / bootstrap_->largest_message;
    }
    return Handle::symbolic({bootstrap_->levels, scale}, 2);
}

std::pair<Handle, Handle> SymbolicOperations::bootstrap_pair(const Handle& a, const Handle& b) {
    require_parts(b, 2);
    Handle both = bootstrap(a);
    // Taking the pair apart doubles the scale.
    const MessageInfo info{both.level(), 2 * both.scale()};
    return {Handle::symbolic(info, 2), Handle::symbolic(info, 2)};
}

}  // namespace cipherfit
