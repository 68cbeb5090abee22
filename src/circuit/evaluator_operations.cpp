#include "cipherfit/circuit/evaluator_operations.h"

#include "cipherfit/base/error.h"
#include "ckks/bootstrap/powers.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace cipherfit {

double EvaluatorOperations::rescale_divisor(std::size_t level) const {
    return evaluator_.rescale_divisor(level);
}

Handle EvaluatorOperations::copy(const Handle& a) {
    return a.ciphertext().copy();
}

Handle EvaluatorOperations::drop_to_level(const Handle& a, std::size_t level) {
    return evaluator_.drop_to_level(a.ciphertext(), level);
}

Handle EvaluatorOperations::reinterpret(Handle a, double factor) {
    return std::move(a).release().with_factor(factor);
}

Handle EvaluatorOperations::add(const Handle& a, const Handle& b) {
    return evaluator_.add(a.ciphertext(), b.ciphertext());
}

Handle EvaluatorOperations::subtract(const Handle& a, const Handle& b) {
    return evaluator_.subtract(a.ciphertext(), b.ciphertext());
}

void EvaluatorOperations::add_inplace(Handle& a, const Handle& b) {
    require(a.borrowed_ == nullptr, ErrorCode::internal,
            "a circuit must not change a ciphertext that it borrows: copy it first");
    evaluator_.add_inplace(a.owned_, b.ciphertext());
}

Handle EvaluatorOperations::add_scalar(const Handle& a, double value) {
    return evaluator_.add_scalar(a.ciphertext(), value);
}

Handle EvaluatorOperations::multiply_scalar(const Handle& a, double factor, double scale,
                                            std::size_t level) {
    return evaluator_.multiply_scalar(a.ciphertext(), factor, scale, level);
}

MaskHandle EvaluatorOperations::encode(std::span<const double> values, std::size_t level,
                                       double scale) {
    return MaskHandle(evaluator_.encoder().encode(values, level, scale));
}

Handle EvaluatorOperations::multiply_mask(const Handle& a, const MaskHandle& mask) {
    return evaluator_.multiply_plain(a.ciphertext(), mask.plaintext());
}

Handle EvaluatorOperations::rescale(const Handle& a) {
    return evaluator_.rescale(a.ciphertext());
}

Handle EvaluatorOperations::sum_of_products(std::span<const HandleProduct> products) {
    std::vector<Product> terms;
    terms.reserve(products.size());
    for (const HandleProduct& product : products) {
        terms.push_back({&product.a->ciphertext(), &product.b->ciphertext()});
    }
    return evaluator_.sum_of_products(terms);
}

Handle EvaluatorOperations::relinearize(const Handle& a) {
    return evaluator_.relinearize(a.ciphertext());
}

Handle EvaluatorOperations::relinearize_rescale(const Handle& a) {
    return evaluator_.relinearize_rescale(a.ciphertext());
}

Handle EvaluatorOperations::rotate(const Handle& a, std::int64_t steps) {
    return evaluator_.rotate(a.ciphertext(), steps);
}

Handle EvaluatorOperations::multiply_by_power(const Handle& a, std::size_t power) {
    return cipherfit::multiply_by_power(evaluator_.parameters().ring(), a.ciphertext(), power);
}

Handle EvaluatorOperations::conjugate(const Handle& a) {
    return evaluator_.conjugate(a.ciphertext());
}

HoistedHandle EvaluatorOperations::hoist(const Handle& a) {
    return {a, evaluator_.hoist(a.ciphertext())};
}

Handle EvaluatorOperations::rotate(const HoistedHandle& a, std::int64_t steps) {
    return evaluator_.rotate(a.digits(), steps);
}

Handle EvaluatorOperations::sum_of_rotations(const Handle& a, std::span<const std::int64_t> steps) {
    return evaluator_.sum_of_rotations(a.ciphertext(), steps);
}

const Bootstrapper& EvaluatorOperations::bootstrapper() const {
    require(bootstrapper_ != nullptr, ErrorCode::invalid_argument,
            "this circuit bootstraps: give a bootstrapper to execute it with");
    return *bootstrapper_;
}

Handle EvaluatorOperations::bootstrap(const Handle& a) {
    return bootstrapper().bootstrap(a.ciphertext());
}

std::pair<Handle, Handle> EvaluatorOperations::bootstrap_pair(const Handle& a, const Handle& b) {
    auto [real, imaginary] = bootstrapper().bootstrap_pair(a.ciphertext(), b.ciphertext());
    return {std::move(real), std::move(imaginary)};
}

}  // namespace cipherfit
