// Executes circuits: every operation is the evaluator's of the same name.
#pragma once

#include "cipherfit/circuit/operations.h"
#include "cipherfit/ckks/bootstrap.h"
#include "cipherfit/ckks/evaluator.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace cipherfit {

class EvaluatorOperations final : public Operations {
  public:
    // Evaluator and bootstrapper must outlive this object. Without a bootstrapper a circuit that
    // bootstraps throws Error(invalid_argument).
    explicit EvaluatorOperations(const Evaluator& evaluator,
                                 const Bootstrapper* bootstrapper = nullptr)
        : evaluator_(evaluator), bootstrapper_(bootstrapper) {}

    double rescale_divisor(std::size_t level) const override;
    Handle copy(const Handle& a) override;
    Handle drop_to_level(const Handle& a, std::size_t level) override;
    Handle reinterpret(Handle a, double factor) override;
    Handle add(const Handle& a, const Handle& b) override;
    Handle subtract(const Handle& a, const Handle& b) override;
    void add_inplace(Handle& a, const Handle& b) override;
    Handle add_scalar(const Handle& a, double value) override;
    Handle multiply_scalar(const Handle& a, double factor, double scale,
                           std::size_t level) override;
    MaskHandle encode(std::span<const double> values, std::size_t level, double scale) override;
    Handle multiply_mask(const Handle& a, const MaskHandle& mask) override;
    Handle multiply_by_power(const Handle& a, std::size_t power) override;
    Handle rescale(const Handle& a) override;
    Handle sum_of_products(std::span<const HandleProduct> products) override;
    Handle relinearize(const Handle& a) override;
    Handle relinearize_rescale(const Handle& a) override;
    Handle rotate(const Handle& a, std::int64_t steps) override;
    Handle conjugate(const Handle& a) override;
    HoistedHandle hoist(const Handle& a) override;
    Handle rotate(const HoistedHandle& a, std::int64_t steps) override;
    Handle sum_of_rotations(const Handle& a, std::span<const std::int64_t> steps) override;
    Handle bootstrap(const Handle& a) override;
    std::pair<Handle, Handle> bootstrap_pair(const Handle& a, const Handle& b) override;

  private:
    const Bootstrapper& bootstrapper() const;
    const Evaluator& evaluator_;
    const Bootstrapper* bootstrapper_;
};

}  // namespace cipherfit
